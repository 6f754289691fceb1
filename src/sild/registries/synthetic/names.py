"""Names as people of the two countries bear them. Order within a list is roughly by frequency; the front is drawn more often."""

# ruff: noqa: SIM905  (words in a text are easier to read than a hundred lines of quotation marks)

from __future__ import annotations

__all__ = [
    "EE_FAMILY",
    "EE_FEMALE",
    "EE_MALE",
    "EE_RUSSIAN_FAMILY",
    "EE_RUSSIAN_FEMALE",
    "EE_RUSSIAN_MALE",
    "VN_FAMILY",
    "VN_FEMALE",
    "VN_FEMALE_MIDDLE",
    "VN_MALE",
    "VN_MALE_MIDDLE",
]

EE_FAMILY = tuple(
    """
    Tamm Saar Sepp Mägi Kask Kukk Rebane Ilves Pärn Koppel Lepik Oja Kaasik Raudsepp Luik Kuusk Karu
    Vaher Laur Põder Kallas Pukk Männik Teder Leppik Saks Kivi Laas Liiv Rand Nõmm Rohtla Kõiv Sarapuu
    Toome Paju Valk Hunt Jõgi Org Põld Metsaots Käär Lind Kuusik Allik Uibo Viira Aas Kangur Puusepp
    Mölder Kütt Rätsep Tooming Haab Jalakas Kadak Lõhmus Pihlak Sarv Talts Uustalu Veski Õunapuu Ööbik
    Ülesoo
    """.split()
)

EE_MALE = tuple(
    """
    Margus Andres Toomas Martin Jaan Rein Urmas Ants Priit Marko Tanel Kristjan Peeter Indrek Meelis
    Raivo Rasmus Karl Markus Robin Oskar Hugo Sander Mattias Kaspar Henri Tõnu Mihkel Siim Rauno Ülo
    Aivar Kalev Lembit Madis Joosep Uku Jüri
    """.split()
)

EE_FEMALE = tuple(
    """
    Anne Tiina Katrin Anu Kristi Piret Ülle Maie Liis Kersti Triin Sirje Kadri Marika Eha Laura Sandra
    Mari Maria Liisa Emma Sofia Mia Lenna Hanna Johanna Eliise Heleen Merike Aita Helle Õie Virve Ene
    Küllike Grete Birgit Säde
    """.split()
)

EE_RUSSIAN_FAMILY = tuple(
    (man, woman)
    for man, woman in (
        pair.split("/")
        for pair in """
            Ivanov/Ivanova Smirnov/Smirnova Vassiljev/Vassiljeva Petrov/Petrova Kuznetsov/Kuznetsova
            Mihhailov/Mihhailova Pavlov/Pavlova Semjonov/Semjonova Andrejev/Andrejeva
            Aleksejev/Aleksejeva Fjodorov/Fjodorova Jegorov/Jegorova Popov/Popova Stepanov/Stepanova
            Volkov/Volkova Nikolajev/Nikolajeva Grigorjev/Grigorjeva Romanov/Romanova
        """.split()
    )
)
"""The man's form and the woman's form."""

EE_RUSSIAN_MALE = tuple(
    """
    Aleksandr Sergei Vladimir Andrei Aleksei Dmitri Igor Nikolai Viktor Oleg Maksim Artjom Nikita Roman
    Denis Kirill
    """.split()
)

EE_RUSSIAN_FEMALE = tuple(
    """
    Jelena Olga Tatjana Irina Natalja Svetlana Galina Ljudmila Valentina Anna Jekaterina Julia Marina
    Darja Anastassia
    """.split()
)

VN_FAMILY = tuple(
    (name, int(weight))
    for name, weight in (
        pair.split(":")
        for pair in """
            Nguyễn:38 Trần:11 Lê:10 Phạm:7 Hoàng:5 Phan:5 Vũ:4 Võ:3 Đặng:2 Bùi:2 Đỗ:2 Hồ:2 Ngô:2 Dương:1
            Lý:1 Đinh:1 Trịnh:1 Mai:1 Cao:1 Lương:1
        """.split()
    )
)
"""With weights in percent: few names serve most people."""

VN_MALE_MIDDLE = tuple(
    """
    Văn Văn Đức Minh Hữu Quang Công Xuân Thanh Ngọc Quốc Đình Gia
    """.split()
)

VN_MALE = tuple(
    """
    Hùng Dũng Anh Tuấn Minh Nam Long Sơn Hải Thành Trung Phúc Khánh Bình Quân Đạt Huy Khang Bảo Kiên
    Cường Lâm Tâm Toàn Thắng Vinh Phong Hiếu Nghĩa Tài
    """.split()
)

VN_FEMALE_MIDDLE = tuple(
    """
    Thị Thị Thị Ngọc Thu Thanh Kim Bích Minh Phương Khánh Bảo Mỹ
    """.split()
)

VN_FEMALE = tuple(
    """
    Hoa Lan Hương Linh Mai Thảo Trang Hà Ngọc Anh Nga Hạnh Yến Vy Nhi Châu Quỳnh Dung Loan Phượng Thủy
    Hiền Oanh Trâm Uyên My Ngân Diệp Tuyết Liên
    """.split()
)
