"""Ravikindlustuse seadus § 5."""


class cover_from(Variable):
    """From birth; before it there is none, whatever was asked."""

    def formula(person, period, law):
        return person("born")


class cover_until(Variable):
    """§ 5 (4) 2): the first day without."""

    def formula(person, period, law):
        return later(person("born"), years=law("child.until_age", person("born")))


class is_child(Variable):
    def formula(person, period, law):
        return (person("born") <= person.day) & (person.day < person("cover_until"))


class covered(Variable):
    """One ground is enough: what is unknown of the others does no harm then."""

    def formula(person, period, law):
        month = period.first_month
        return (
            person("is_child")
            | person("insured_by_employer", month)
            | person("pensioner")
            | person("registered_unemployed", month)
        )


class ground(Variable):
    """The first of the grounds that holds."""

    def formula(person, period, law):
        month = period.first_month
        by_register = where(person("registered_unemployed", month), "unemployed", "none")
        by_pension = where(person("pensioner"), "pension", by_register)
        by_work = where(person("insured_by_employer", month), "employment", by_pension)
        return where(person("is_child"), "child", by_work)
