"""Perehüvitiste seadus, as far as a birth needs it."""


class has_father(Variable):
    def formula(family, period, law):
        return family.has("father")


class begins(Variable):
    def formula(family, period, law):
        return family.child("born")


class allowance_until(Variable):
    """PHS § 17 (1): until 16; until 19 to a child at school, which nobody knows at the birth and is decided then."""

    def formula(family, period, law):
        return later(family("begins"), years=law("allowance.until_age", family("begins")))


class child_allowance(Variable):
    """PHS § 17 (1): the first and the second child; every one from the third."""

    def formula(family, period, law):
        born = family("begins")
        return where(
            family("older_siblings") < law("allowance.third_child_after", born),
            law("allowance.first_two", born),
            law("allowance.third", born),
        )


class birth_grant(Variable):
    """PHS § 10 (1)."""

    def formula(family, period, law):
        return law("birth_grant", family("begins"))


class income_total(Variable):
    """PHS § 39 (1): of twelve months, of which the last is the tenth before that of birth."""

    def formula(person, period, law):
        born = person.family("begins")
        last = month_of(born) - law("parental.last_month_before", born)
        return person.months("income", last - law("parental.months", born) + 1, last)


class parental_benefit(Variable):
    """PHS § 39 (1): the average, between the floor and the ceiling."""

    def formula(person, period, law):
        born = person.family("begins")
        months = law("parental.months", born)
        # floor and ceiling are held against the total of all months: the quotient stays exact
        total = greatest(person("income_total"), law("parental.floor", born) * months)
        return least(total, law("parental.ceiling", born) * months) / months


class father_from(Variable):
    """PHS § 40 (2): the father's benefit, when not both at once."""

    def formula(family, period, law):
        born = family("begins")
        return later(born, plus_days=law("parental.father_from_day", born) - 1)


class shared_from(Variable):
    def formula(family, period, law):
        return later(family("begins"), months=9)


class benefit_until(Variable):
    def formula(family, period, law):
        return later(family("begins"), years=1, months=6)


class later_from(Variable):
    def formula(family, period, law):
        return later(family("begins"), years=1)


class later_until(Variable):
    def formula(family, period, law):
        return later(family("later_from"), years=1, months=6)


class born_in_future(Variable):
    """By more than a day: it may be tomorrow already where the child was born."""

    value_type = bool
    entity = Person
    definition_period = ETERNITY

    def formula(person, period, law):
        return person("born") > later(person.today, plus_days=1)
