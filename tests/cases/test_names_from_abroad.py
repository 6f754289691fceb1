"""Names as two countries write them: when they are one person's, and when only people can say."""

from __future__ import annotations

import pytest

from sild.cases.abroad_names import is_same_name


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (("Tamm", "Mari"), ("TAMM", "mari")),
        (("Đỗ", "Thị Hoà"), ("Đỗ", "Thị Hòa")),  # the same tone, written in the older way
        (("Õunapuu", "Jüri"), ("O\u0303unapuu", "Ju\u0308ri")),  # not composed
        (("Maasikas", "Mari-Liis"), ("Maasikas", "Mari Liis")),
        (("Maasikas-Tamm", "Mari"), ("Maasikas\u2010Tamm", "Mari")),
        (("D'Arc", "Jeanne"), ("D’Arc", "Jeanne")),
        (("Weiß", "Eva"), ("WEISS", "EVA")),
        (("Nguyễn Thị", "Anh"), ("Nguyễn", "Thị Anh")),  # parted elsewhere
        (("Nguyễn", "Minh Anh"), ("Minh Anh", "Nguyễn")),  # the other field
        (("Suharto", ""), ("", "Suharto")),  # one name
    ],
)
def test_one_name_in_two_ways(ours: tuple[str, str], theirs: tuple[str, str]) -> None:
    assert is_same_name(ours, theirs) and is_same_name(theirs, ours)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (("Tamm", "Mari"), ("Tamm", "Mati")),  # twins
        (("Nguyễn", "Minh Anh"), ("Nguyễn", "Minh Ánh")),
        (("Nguyen", "Minh Anh"), ("Nguyễn", "Minh Ánh")),  # a register that writes no accents: or the twin
        (("Mai", "Minh Anh"), ("Mai", "Minh Ánh")),
        (("Õunapuu", "Jüri"), ("Ounapuu", "Juri")),
        (("Nguyễn", "Minh Anh"), ("Nguyễn", "Anh Minh")),
        (("Đinh", "Tú"), ("Dinh", "Tú")),  # of one who writes accents the d is another letter
        (("Tamm", "Mari Liis"), ("Tamm", "Mari")),
        (("Tamm", "Mari"), ("Kask", "Mari")),  # married, or a stranger
        (("Tamm", "Mari"), ("Kask Tamm", "Mari")),
        (("Tamm", "Mari"), ("Tamm", "")),
        (("Tamm", "Mari"), ("", "")),
        (("", ""), ("", "")),
        (("-", "'"), ("", "")),
        (("Jürgens", "Eva"), ("Juergens", "Eva")),
        (("Shevchenko", "Taras"), ("Шевченко", "Тарас")),
        (("Tamm", "Mari"), ("Tamm", "Маri")),  # letters of another script that look the same
        (("Tamm", "Mari"), ("Tam", "mMari")),
    ],
)
def test_what_no_machine_settles(ours: tuple[str, str], theirs: tuple[str, str]) -> None:
    assert not is_same_name(ours, theirs) and not is_same_name(theirs, ours)
