"""What a register says of itself: DCAT-AP 3 as JSON-LD."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from sild.registries.kernel.kernel import Kernel

__all__ = ["Concept", "SelfDescription", "dcat"]


@dataclass(frozen=True, slots=True)
class Concept:
    """A kind of fact the register holds: `person.date_of_birth`. description: one sentence, in English."""

    name: str
    description: str


@dataclass(frozen=True, slots=True)
class SelfDescription:
    """name: of the register, its service code.  titles: by language.  publisher: the member's name."""

    name: str
    titles: Mapping[str, str]
    publisher: str
    concepts: Sequence[Concept]


def dcat(description: SelfDescription, kernel: Kernel, url: str | None) -> dict[str, Any]:
    """DCAT-AP 3 as JSON-LD: one dataset, the data service that serves it, and the concepts it holds."""
    system = f"urn:x-road:{quote(kernel.system.removeprefix('/'))}"
    titles = [{"@language": language, "@value": title} for language, title in description.titles.items()]
    publisher = {"@type": "foaf:Agent", "foaf:name": description.publisher}
    return {
        "@context": {
            "dcat": "http://www.w3.org/ns/dcat#",
            "dct": "http://purl.org/dc/terms/",
            "foaf": "http://xmlns.com/foaf/0.1/",
            "skos": "http://www.w3.org/2004/02/skos/core#",
        },
        "@graph": [
            {
                "@id": f"{system}#data",
                "@type": "dcat:Dataset",
                "dct:title": titles,
                "dct:description": titles,
                "dct:publisher": publisher,
                "dcat:theme": [
                    {
                        "@id": f"urn:sild:concept:{concept.name}",
                        "@type": "skos:Concept",
                        "skos:notation": concept.name,
                        "skos:prefLabel": {"@language": "en", "@value": concept.description},
                    }
                    for concept in description.concepts
                ],
            },
            {
                "@id": system,
                "@type": "dcat:DataService",
                "dct:title": titles,
                "dct:publisher": publisher,
                "dcat:servesDataset": {"@id": f"{system}#data"},
                "dcat:endpointDescription": {"@id": f"{url or ''}/openapi.json"},
                "dcat:endpointURL": {"@id": url or system},
            },
        ],
    }
