"""Where people live: a few real municipalities of each country, with streets that could be there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

__all__ = ["EE_PLACES", "FORMER_COMMUNES", "VN_PLACES", "Place"]


@dataclass(frozen=True, slots=True)
class Place:
    """`region`: county or province. `weight`: how much of the country's people live there, relative to the others.

    `division`: code of the municipality or commune in the country's profile.  `code`: the province's in Vietnamese numbers.
    """

    region: str
    municipality: str
    postal_code: str
    weight: int
    streets: tuple[str, ...]
    division: str
    town: bool = True
    code: str = ""


_TOWN = (
    "Pärna",
    "Kase",
    "Aia",
    "Lai",
    "Pikk",
    "Kooli",
    "Tartu mnt",
    "Narva mnt",
    "Lille",
    "Vabaduse pst",
    "Mere pst",
    "Turu",
)
_COUNTRY = ("Kesk", "Metsa", "Kooli", "Jaama", "Põllu", "Järve", "Õuna", "Sireli")

EE_PLACES = (
    Place("Harju maakond", "Tallinn, Kesklinna linnaosa", "10145", 20, _TOWN, "0784"),
    Place("Harju maakond", "Tallinn, Lasnamäe linnaosa", "13812", 24, ("Punane", "Mustakivi tee", "Paekaare", "Virbi", "Laagna tee"), "0784"),
    Place("Harju maakond", "Tallinn, Mustamäe linnaosa", "12911", 14, ("Sõpruse pst", "Ehitajate tee", "Akadeemia tee", "Vilde tee"), "0784"),
    Place("Harju maakond", "Viimsi vald, Haabneeme alevik", "74001", 5, _COUNTRY, "0890", town=False),
    Place("Tartu maakond", "Tartu linn", "50090", 20, _TOWN, "0793"),
    Place("Ida-Viru maakond", "Narva linn", "20308", 10, ("Puškini", "Kreenholmi", "Tallinna mnt", "Kangelaste pr", "Rahu"), "0511"),
    Place("Pärnu maakond", "Pärnu linn", "80010", 8, _TOWN, "0624"),
    Place("Lääne-Viru maakond", "Rakvere linn", "44306", 4, _TOWN, "0663"),
    Place("Viljandi maakond", "Viljandi linn", "71020", 4, _TOWN, "0899"),
    Place("Saare maakond", "Saaremaa vald, Kuressaare linn", "93813", 4, _COUNTRY, "0714", town=False),
    Place("Võru maakond", "Rõuge vald, Rõuge alevik", "66201", 2, _COUNTRY, "0698", town=False),
    Place("Valga maakond", "Otepää vald, Otepää linn", "67405", 2, _COUNTRY, "0557", town=False),
)  # fmt: skip

_HANOI = ("Hàng Bông", "Tràng Tiền", "Kim Mã", "Láng Hạ", "Xuân Thủy", "Giải Phóng", "Trần Duy Hưng")
_SAIGON = (
    "Nguyễn Huệ",
    "Lê Lợi",
    "Điện Biên Phủ",
    "Cách Mạng Tháng Tám",
    "Nguyễn Trãi",
    "Võ Văn Tần",
    "Hai Bà Trưng",
)
_ANYWHERE = (
    "Trần Phú",
    "Lê Hồng Phong",
    "Quang Trung",
    "Hùng Vương",
    "Nguyễn Du",
    "Phan Bội Châu",
    "Lý Thường Kiệt",
)

VN_PLACES = (
    Place("Thành phố Hà Nội", "Phường Hoàn Kiếm", "11000", 8, _HANOI, "00070", code="001"),
    Place("Thành phố Hà Nội", "Phường Cầu Giấy", "11300", 10, _HANOI, "00167", code="001"),
    Place("Thành phố Hà Nội", "Phường Tây Hồ", "11200", 6, _HANOI, "00103", code="001"),
    Place("Thành phố Hồ Chí Minh", "Phường Sài Gòn", "71000", 12, _SAIGON, "26740", code="079"),
    Place("Thành phố Hồ Chí Minh", "Phường Bến Thành", "71000", 12, _SAIGON, "26743", code="079"),
    Place("Thành phố Hồ Chí Minh", "Phường Chợ Lớn", "72700", 10, _SAIGON, "27301", code="079"),
    Place("Thành phố Hải Phòng", "Phường Lê Chân", "04000", 6, _ANYWHERE, "11407", code="031"),
    Place("Thành phố Đà Nẵng", "Phường Hải Châu", "50000", 7, _ANYWHERE, "20242", code="048"),
    Place("Thành phố Huế", "Phường Phú Xuân", "49000", 5, _ANYWHERE, "19774", code="046"),
    Place("Thành phố Cần Thơ", "Phường Ninh Kiều", "94000", 6, _ANYWHERE, "31135", code="092"),
    Place("Tỉnh Nghệ An", "Phường Trường Vinh", "43000", 6, _ANYWHERE, "16681", code="040"),
    Place("Tỉnh Khánh Hòa", "Phường Nha Trang", "57000", 5, _ANYWHERE, "22366", code="056"),
    Place("Tỉnh Quảng Ninh", "Phường Hồng Gai", "01000", 4, _ANYWHERE, "06652", code="022"),
    Place("Tỉnh Lâm Đồng", "Phường Xuân Hương - Đà Lạt", "66000", 3, _ANYWHERE, "24778", code="068"),
)
"""The two tiers of July 2025: province or city, then ward or commune. Earlier units live on in identity codes."""

FORMER_COMMUNES: Mapping[str, tuple[tuple[str, date, date], ...]] = {
    "EE": (("0831", date(1991, 1, 1), date(2017, 11, 1)),),
    "VN": (
        ("00001", date(1981, 1, 1), date(2025, 7, 1)),
        ("00016", date(1981, 1, 1), date(2025, 7, 1)),
        ("20236", date(1997, 1, 1), date(2025, 7, 1)),
    ),
}
"""Communes that are no more, of the profiles: code, began, ended. Homes of old are told by their commune alone."""
