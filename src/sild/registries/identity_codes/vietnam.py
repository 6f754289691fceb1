"""Số định danh cá nhân: `PPPGYYNNNNNN`, 12 digits (Decree 137/2015/NĐ-CP article 13, Circular 59/2021/TT-BCA article 4).

PPP is the province (or, for births registered abroad, the country) of registration, by the list in force at that time: merged
provinces keep living in old codes. G tells century and sex (0, 1: 19xx; 2, 3: 20xx; ... 8, 9: 23xx; even for men), YY the year
of birth, the rest is random. There is no check digit.
"""

from __future__ import annotations

from collections.abc import Mapping

from sild.registries.identity_codes.code import IdentityCode, InvalidIdentityCode, Sex

__all__ = ["LENGTH", "PROVINCES", "make", "parse"]

LENGTH = 12

PROVINCES: Mapping[str, str] = {
    "001": "Hà Nội", "002": "Hà Giang", "004": "Cao Bằng", "006": "Bắc Kạn", "008": "Tuyên Quang", "010": "Lào Cai",
    "011": "Điện Biên", "012": "Lai Châu", "014": "Sơn La", "015": "Yên Bái", "017": "Hòa Bình", "019": "Thái Nguyên",
    "020": "Lạng Sơn", "022": "Quảng Ninh", "024": "Bắc Giang", "025": "Phú Thọ", "026": "Vĩnh Phúc", "027": "Bắc Ninh",
    "030": "Hải Dương", "031": "Hải Phòng", "033": "Hưng Yên", "034": "Thái Bình", "035": "Hà Nam", "036": "Nam Định",
    "037": "Ninh Bình", "038": "Thanh Hóa", "040": "Nghệ An", "042": "Hà Tĩnh", "044": "Quảng Bình", "045": "Quảng Trị",
    "046": "Thừa Thiên Huế", "048": "Đà Nẵng", "049": "Quảng Nam", "051": "Quảng Ngãi", "052": "Bình Định", "054": "Phú Yên",
    "056": "Khánh Hòa", "058": "Ninh Thuận", "060": "Bình Thuận", "062": "Kon Tum", "064": "Gia Lai", "066": "Đắk Lắk",
    "067": "Đắk Nông", "068": "Lâm Đồng", "070": "Bình Phước", "072": "Tây Ninh", "074": "Bình Dương", "075": "Đồng Nai",
    "077": "Bà Rịa - Vũng Tàu", "079": "Hồ Chí Minh", "080": "Long An", "082": "Tiền Giang", "083": "Bến Tre",
    "084": "Trà Vinh", "086": "Vĩnh Long", "087": "Đồng Tháp", "089": "An Giang", "091": "Kiên Giang", "092": "Cần Thơ",
    "093": "Hậu Giang", "094": "Sóc Trăng", "095": "Bạc Liêu", "096": "Cà Mau",
}  # fmt: skip
"""The 63 provinces and cities of before July 2025, by the codes that stand in numbers given out until then."""


def parse(text: str) -> IdentityCode:
    """Raises InvalidIdentityCode."""
    if len(text) != LENGTH or not (text.isascii() and text.isdigit()):
        raise InvalidIdentityCode(f"a personal identification number has {LENGTH} digits")
    place = text[:3]
    if place not in PROVINCES and int(place) <= int(max(PROVINCES)):
        raise InvalidIdentityCode("no province has this code")
    kind = int(text[3])
    year = 1900 + kind // 2 * 100 + int(text[4:6])
    return IdentityCode(text, "VN", "F" if kind % 2 else "M", year, None)


def make(province: str, birth_year: int, sex: Sex, number: int) -> str:
    """The number of a person registered in `province`, born in 1900 to 2399; `number`: 0 to 999999."""
    kind = (birth_year - 1900) // 100 * 2 + (sex == "F")
    if province not in PROVINCES or not (0 <= kind <= 9 and 0 <= number <= 999_999):
        raise ValueError("outside what a personal identification number can say")
    return f"{province}{kind}{birth_year % 100:02d}{number:06d}"
