"""Luật Bảo hiểm xã hội 2024, as far as a birth needs it."""


class has_father(Variable):
    def formula(family, period, law):
        return family.has("father")


class begins(Variable):
    def formula(family, period, law):
        return family.child("born")


class birth_grant(Variable):
    """Điều 58: twice the reference salary of the month of birth."""

    def formula(family, period, law):
        born = family("begins")
        return law("reference_salary", born) * law("maternity.grant_salaries", born)


class income_total(Variable):
    """Điều 59: of the six months before that of birth."""

    def formula(person, period, law):
        born = person.family("begins")
        birth = month_of(born)
        return person.months("income", birth - law("maternity.months", born), birth - 1)


class maternity_benefit(Variable):
    """Điều 59: the average."""

    def formula(person, period, law):
        return person("income_total") / law("maternity.months", person.family("begins"))


class paternity_leave(Variable):
    """Điều 53, 59: a twenty-fourth of the average for each day."""

    def formula(person, period, law):
        born = person.family("begins")
        average = person("income_total") / law("maternity.months", born)
        return average / law("paternity.days_of_month", born) * law("paternity.days", born)


class maternity_until(Variable):
    def formula(family, period, law):
        born = family("begins")
        return later(born, months=law("maternity.leave_months", born))


class early_until(Variable):
    """Điều 40: not before four months."""

    def formula(family, period, law):
        born = family("begins")
        return later(born, months=law("maternity.early_months", born))


class born_in_future(Variable):
    """By more than a day: it may be tomorrow already where the child was born."""

    value_type = bool
    entity = Person
    definition_period = ETERNITY

    def formula(person, period, law):
        return person("born") > later(person.today, plus_days=1)
