"""The catalogue as RDF: CPSV-AP 3.2, one graph, every thing with an identifier and its texts in every language.

`cpsv_ap.ttl` beside this holds the shapes the graph must fit: cardinalities and classes of CPSV-AP 3.2, as the specification
gives them for what Sild describes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rdflib import DCAT, DCTERMS, FOAF, OWL, RDF, SKOS, XSD, Graph, Literal, Namespace, URIRef

from sild.catalogue.profile import Profile
from sild.catalogue.services import Channel, Cost, Evidence, PublicService, Text

__all__ = ["services_graph"]

CPSV = Namespace("http://purl.org/vocab/cpsv#")
CV = Namespace("http://data.europa.eu/m8g/")
ELI = Namespace("http://data.europa.eu/eli/ontology#")
ADMS = Namespace("http://www.w3.org/ns/adms#")
COUNTRY = Namespace("http://publications.europa.eu/resource/authority/country/")
CURRENCY = Namespace("http://publications.europa.eu/resource/authority/currency/")
LANGUAGE = Namespace("http://publications.europa.eu/resource/authority/language/")
_THREE_LETTERS = {"et": "EST", "vi": "VIE", "en": "ENG"}
_COUNTRIES = {"EE": "EST", "VN": "VNM"}


def services_graph(services: Iterable[PublicService], profile: Profile, base: str) -> Graph:
    """base: URI under which the catalogue is published, with its `/` at the end."""
    described = _Catalogue(profile, base)
    for service in services:
        described.add(service)
    return described.graph


class _Catalogue:
    def __init__(self, profile: Profile, base: str) -> None:
        self.graph = Graph()
        self._profile = profile
        self._base = base
        for prefix, namespace in (("cpsv", CPSV), ("cv", CV), ("eli", ELI), ("adms", ADMS), ("dcat", DCAT)):
            self.graph.bind(prefix, namespace)
        self._country = COUNTRY[_COUNTRIES.get(profile.country, profile.country)]
        self.graph.add((self._country, RDF.type, DCTERMS.Location))

    def add(self, service: PublicService) -> None:
        this = self._thing("service", service.id, CPSV.PublicService)
        self.graph.add(
            (this, OWL.sameAs, URIRef(f"urn:sild:service:{service.id}"))
        )  # `procedure` of decisions
        self._texts(this, DCTERMS.title, service.title)
        self._texts(this, DCTERMS.description, service.description)
        self.graph.add((this, CV.hasCompetentAuthority, self._authority(service)))
        self.graph.add((this, DCTERMS.spatial, self._country))
        for language in service.languages:
            self.graph.add((this, DCTERMS.language, self._language(language)))
        for text in service.keywords:
            self._texts(this, DCAT.keyword, text)
        for kind, events in (
            (CV.LifeEvent, service.life_events),
            (CV.BusinessEvent, service.business_events),
        ):
            for name in events:
                event = self._thing("event", name, kind)
                self.graph.add((event, RDF.type, CV.Event))
                self._texts(event, DCTERMS.title, {"en": name.replace("_", " ").replace(".", ": ")})
                self.graph.add((event, CV.hasRelatedService, this))
                self.graph.add((this, CV.isGroupedBy, event))
        for law in service.legal_resources:
            self.graph.add((this, CV.hasLegalResource, self._law(law.uri, law.title)))
        for rule in service.rules:
            node = self._thing("rule", rule.id, CPSV.Rule)
            self._texts(node, DCTERMS.title, rule.title)
            self._texts(node, DCTERMS.description, rule.description)
            for uri in rule.implements:
                self.graph.add((node, CPSV.implements, self._law(uri, uri)))
            self.graph.add((this, CPSV.follows, node))
        for evidence in service.evidence:
            self.graph.add((this, CPSV.hasInput, self._evidence(evidence)))
        for output in service.outputs:
            node = self._thing("output", output.id, CV.Output)
            self._texts(node, DCTERMS.title, output.title)
            self.graph.add((this, CPSV.produces, node))
        channels = {channel.id: self._channel(channel) for channel in service.channels}
        for node in channels.values():
            self.graph.add((this, CV.hasChannel, node))
        for cost in service.costs:
            self.graph.add((this, CV.hasCost, self._cost(cost)))

    def _authority(self, service: PublicService) -> URIRef:
        node = self._thing("authority", service.authority, CV.PublicOrganisation)
        rules = [rule for rule in self._profile.competence if rule.matter == service.authority]
        self._texts(node, SKOS.prefLabel, rules[-1].office if rules else {"en": service.owner})
        self.graph.add((node, DCTERMS.spatial, self._country))
        return node

    def _evidence(self, evidence: Evidence) -> URIRef:
        node = self._thing("evidence", evidence.id, CV.Evidence)
        self._texts(node, DCTERMS.title, evidence.title)
        if evidence.held_by is not None:
            data = URIRef(f"{self._base}register/{evidence.held_by}#data")
            self.graph.add((data, RDF.type, DCAT.Dataset))
            self._texts(data, DCTERMS.title, {"en": evidence.held_by})
            self._texts(data, DCTERMS.description, {"en": f"Register {evidence.held_by}"})
            publisher = URIRef(f"{self._base}register/{evidence.held_by}#publisher")
            self.graph.add((publisher, RDF.type, FOAF.Agent))
            self.graph.set((publisher, DCTERMS.identifier, Literal(evidence.held_by)))
            self._texts(publisher, DCTERMS.title, {"en": evidence.held_by})
            self.graph.set((data, DCTERMS.publisher, publisher))
            self.graph.add((node, DCTERMS.isPartOf, data))
        return node

    def _channel(self, channel: Channel) -> URIRef:
        node = self._thing("channel", channel.id, CV.Channel)
        kind = self._concept(f"channel-kind/{channel.kind}", channel.kind)
        self.graph.add((node, DCTERMS.type, kind))
        if channel.description is not None:
            self._texts(node, DCTERMS.description, channel.description)
        if channel.processing_days is not None:
            duration = Literal(f"P{channel.processing_days}D", datatype=XSD.duration)
            self.graph.add((node, CV.processingTime, duration))
        return node

    def _cost(self, cost: Cost) -> URIRef:
        node = self._thing("cost", cost.id, CV.Cost)
        self.graph.add((node, CV.hasValue, Literal(str(cost.value), datatype=XSD.double)))
        currency = CURRENCY[cost.currency]
        self.graph.add((currency, RDF.type, SKOS.Concept))
        self.graph.add((node, CV.currency, currency))
        self._texts(node, DCTERMS.description, cost.description)
        return node

    def _law(self, uri: str, title: str) -> URIRef:
        node = URIRef(uri if ":" in uri else f"{self._base}law/{uri.replace(' ', '_')}")
        self.graph.add((node, RDF.type, ELI.LegalResource))
        if not list(self.graph.objects(node, DCTERMS.title)):
            self.graph.add((node, DCTERMS.title, Literal(title)))
        return node

    def _language(self, language: str) -> URIRef:
        node = LANGUAGE[_THREE_LETTERS.get(language, language)]
        self.graph.add((node, RDF.type, DCTERMS.LinguisticSystem))
        return node

    def _concept(self, path: str, label: str) -> URIRef:
        node = URIRef(f"{self._base}{path}")
        self.graph.add((node, RDF.type, SKOS.Concept))
        self.graph.add((node, SKOS.prefLabel, Literal(label, lang="en")))
        return node

    def _thing(self, kind: str, identifier: str, of_class: URIRef) -> URIRef:
        node = URIRef(f"{self._base}{kind}/{identifier}")
        self.graph.add((node, RDF.type, of_class))
        self.graph.set((node, DCTERMS.identifier, Literal(identifier)))
        return node

    def _texts(self, node: URIRef, predicate: URIRef, text: Text | Mapping[str, str]) -> None:
        for language, value in text.items():
            self.graph.add((node, predicate, Literal(value, lang=language)))
