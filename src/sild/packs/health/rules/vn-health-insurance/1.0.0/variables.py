"""Luật Bảo hiểm y tế, Điều 12; competence by the day: Nghị định 118/2025/NĐ-CP ended the district tier."""


class cover_from(Variable):
    def formula(person, period, law):
        return person("born")


class cover_until(Variable):
    """Điều 12, khoản 3: the first day without."""

    def formula(person, period, law):
        return later(person("born"), years=law("child.until_age", person("born")))


class covered(Variable):
    def formula(person, period, law):
        return (person("born") <= person.day) & (person.day < person("cover_until"))


class competent_tier(Variable):
    def formula(person, period, law):
        return law("competence.tier")


class competent_division(Variable):
    """Where the person lives on that day, in the tier that is competent then."""

    def formula(person, period, law):
        return where(person("competent_tier") == "district", person("district"), person("commune"))


class handling_days(Variable):
    def formula(person, period, law):
        return law("competence.working_days")
