"""Requirements, what proves them and who gives it, as RDF: CCCEV 2.1 for the first two, DCAT for the last. Imported late: rdflib takes its time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from sild.oots.directory import Directory, EvidenceTypeEntry, RequirementEntry
from sild.oots.model import SPECIFICATION, Text

if TYPE_CHECKING:
    from rdflib import Graph, URIRef

__all__ = ["add_directory"]


def add_directory(graph: Graph, directory: Directory, base: str, needed: Mapping[str, Iterable[str]]) -> None:
    """Beside a catalogue of services under `base`. needed: service -> names of its requirements."""
    from rdflib import DCAT, DCTERMS, FOAF, RDF, Literal, Namespace, URIRef

    cccev = Namespace("http://data.europa.eu/m8g/")

    def words(node: URIRef, text: Text) -> None:
        for language, said in text.items():
            graph.add((node, DCTERMS.title, Literal(said, lang=language)))

    def requirement(one: RequirementEntry) -> URIRef:
        node, listed = URIRef(one.identifier), URIRef(f"{base}evidence-types/{one.id}")
        graph.add((node, RDF.type, cccev.Requirement))
        graph.add((node, DCTERMS.identifier, Literal(one.identifier)))
        words(node, one.title)
        graph.add((node, cccev.hasEvidenceTypeList, listed))
        graph.add((listed, RDF.type, cccev.EvidenceTypeList))
        graph.add((listed, DCTERMS.identifier, Literal(one.id)))
        for kind in one.evidence_types:
            graph.add((listed, cccev.specifiesEvidenceType, evidence_type(kind)))
        return node

    def evidence_type(one: EvidenceTypeEntry) -> URIRef:
        node = URIRef(one.classification)
        graph.add((node, RDF.type, cccev.EvidenceType))
        graph.add((node, DCTERMS.identifier, Literal(one.identifier)))
        graph.add((node, cccev.evidenceTypeClassification, Literal(one.classification)))
        words(node, one.title)
        return node

    for service, names in needed.items():
        for name in names:
            held = requirement(directory.requirement(name))
            graph.add((URIRef(f"{base}service/{service}"), cccev.holdsRequirement, held))
            for kind, entry in directory.providers_of(name):
                node = URIRef(f"{base}data-service/{entry.system}/{kind.id}")
                publisher = URIRef(f"{base}provider/{entry.system}")
                graph.add((node, RDF.type, DCAT.DataService))
                graph.add((node, DCTERMS.identifier, Literal(kind.identifier)))
                words(node, kind.title)
                graph.add((node, DCTERMS.type, URIRef(kind.classification)))
                graph.add((node, DCTERMS.conformsTo, Literal(SPECIFICATION)))
                graph.add((node, DCTERMS.format, Literal(kind.format)))
                graph.add((node, DCAT.endpointURL, Literal(f"xroad:{entry.system}")))
                graph.add((node, DCTERMS.publisher, publisher))
                graph.add((publisher, RDF.type, FOAF.Agent))
                graph.add((publisher, DCTERMS.identifier, Literal(entry.provider.identifier)))
                words(publisher, entry.provider.name)
