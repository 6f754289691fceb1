"""Words of decisions that no rule package has: whose something is, what people chose, codes in facts, items that officials and registers add."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["ITEMS", "VALUES", "WHO", "YES_NO"]

Words = Mapping[str, str]

WHO: Mapping[str, Words] = {
    "child": {"et": "laps", "vi": "con", "en": "child"},
    "mother": {"et": "ema", "vi": "mẹ", "en": "mother"},
    "father": {"et": "isa", "vi": "cha", "en": "father"},
    "parent": {"et": "vanem", "vi": "cha/mẹ", "en": "parent"},
    "resident": {"et": "elanik", "vi": "người cư trú", "en": "resident"},
    "mover": {"et": "kolija", "vi": "người chuyển đến", "en": "who moves"},
    "owner": {"et": "omanik", "vi": "chủ nhà", "en": "owner"},
    "insured": {"et": "kindlustatu", "vi": "người được bảo hiểm", "en": "the insured"},
}  # fmt: skip
"""Roles of the entities of rules."""

ITEMS: Mapping[str, Words] = {
    "choice": {"et": "valik", "vi": "lựa chọn", "en": "choice"},
    "given_names": {"et": "eesnimi", "vi": "tên", "en": "given names"},
    "family_name": {"et": "perekonnanimi", "vi": "họ", "en": "family name"},
    "kindergarten": {"et": "lasteaed", "vi": "trường mầm non", "en": "kindergarten"},
    "group": {"et": "rühm", "vi": "nhóm", "en": "group"},
    "wanted_from": {"et": "soovitud alates", "vi": "mong muốn từ", "en": "wanted from"},
    "contest_overturned": {
        "et": "otsus tühistati",
        "vi": "quyết định bị hủy",
        "en": "the decision was overturned",
    },
    "place": {"et": "koht", "vi": "nơi", "en": "place"},
    "level": {"et": "kande täpsus", "vi": "mức độ đăng ký", "en": "entered to the level of"},
    "valid_from": {"et": "alates", "vi": "từ ngày", "en": "from"},
    "document": {
        "et": "kokkulepe või kohtuotsus",
        "vi": "thỏa thuận hoặc bản án",
        "en": "agreement or judgment",
    },
    "review_on": {"et": "vaadatakse uuesti", "vi": "xem xét lại ngày", "en": "looked at again"},
}
"""Of outcomes."""

CHOICES: Mapping[str, Words] = {
    "mother": {"et": "ema on lapsega kodus", "vi": "mẹ ở nhà với con", "en": "the mother stays at home"},
    "mother_later": {"et": "ema on lapsega kodus hiljem", "vi": "mẹ nghỉ muộn hơn", "en": "the mother stays at home later"},
    "father": {"et": "isa on lapsega kodus pärast ema", "vi": "cha ở nhà sau mẹ", "en": "the father takes over from the mother"},
    "shared": {"et": "aeg jagatakse pooleks", "vi": "chia đôi thời gian", "en": "the time is shared"},
    "mother_returns_early": {"et": "ema läheb varem tööle", "vi": "mẹ đi làm sớm", "en": "the mother returns to work early"},
    "both": {"et": "ema ja isa mõlemad", "vi": "cả mẹ và cha", "en": "mother and father both"},
}  # fmt: skip

LEVELS: Mapping[str, Words] = {
    "dwelling": {"et": "eluruum", "vi": "nhà ở", "en": "the dwelling"},
    "commune": {"et": "omavalitsus", "vi": "cấp xã", "en": "the commune"},
    "abroad": {"et": "välisriik", "vi": "nước ngoài", "en": "abroad"},
}

VALUES: Mapping[str, Mapping[str, Words]] = {
    "choice": CHOICES,
    "paternity": {
        "NOT_NEEDED": {"et": "isa on teada: vanemad on abielus", "vi": "đã rõ cha: cha mẹ có đăng ký kết hôn", "en": "known: the parents are married"},
        "NONE_NAMED": {"et": "isa ei ole nimetatud", "vi": "chưa nêu tên cha", "en": "no father is named"},
        "WAITING": {"et": "vanema vastust oodatakse", "vi": "đang chờ cha hoặc mẹ trả lời", "en": "a parent's answer is awaited"},
        "ACKNOWLEDGED": {"et": "omaks võetud", "vi": "đã nhận cha con", "en": "acknowledged"},
        "DENIED": {"et": "eitatud", "vi": "bị từ chối", "en": "denied"},
    },
    "ground": {
        "child": {"et": "alla 19-aastane", "vi": "dưới 19 tuổi", "en": "under nineteen"},
        "employment": {"et": "töötamine", "vi": "đi làm", "en": "employment"},
        "pension": {"et": "pension", "vi": "lương hưu", "en": "pension"},
        "unemployed": {"et": "töötuna arvel", "vi": "đăng ký thất nghiệp", "en": "registered as unemployed"},
        "none": {"et": "alust ei ole", "vi": "không có căn cứ", "en": "none"},
    },
    "level": LEVELS,
    "entered_as": LEVELS,
    "consent": {
        "own": {"et": "kolija on omanik", "vi": "người chuyển đến là chủ nhà", "en": "who moves owns it"},
        "owner": {"et": "omanik on nõus", "vi": "chủ nhà đồng ý", "en": "an owner consents"},
        "lease": {"et": "üürileping", "vi": "hợp đồng thuê", "en": "a lease"},
        "court": {"et": "kokkulepe või kohtuotsus", "vi": "thỏa thuận hoặc bản án", "en": "an agreement or a judgment"},
        "joins": {"et": "laps tuleb koju", "vi": "trẻ về nhà", "en": "a child comes home"},
        "none": {"et": "ei ole", "vi": "không có", "en": "none"},
    },
    "competent_tier": {
        "district": {"et": "rajoon", "vi": "cấp huyện", "en": "district"},
        "grassroots": {"et": "kogukond", "vi": "cấp cơ sở", "en": "grassroots"},
    },
}  # fmt: skip
"""Of facts and outcomes, by variable: codes in words."""

YES_NO: Mapping[bool, Words] = {
    True: {"et": "jah", "vi": "có", "en": "yes"},
    False: {"et": "ei", "vi": "không", "en": "no"},
}
