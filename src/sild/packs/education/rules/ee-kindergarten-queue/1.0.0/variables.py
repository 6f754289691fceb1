"""Children who live in the commune come first; then those with a sibling in the same kindergarten; then by the time of joining the
queue; then the older child; then by code.
"""


class place(Variable):
    def formula(person, period, law):
        queue = person.members_of("queue")
        return queue("not_resident").order(
            queue("without_sibling"), queue("joined_at"), queue("born"), queue("code")
        )


class not_resident(Variable):
    value_type = bool
    entity = Person
    definition_period = ETERNITY

    def formula(person, period, law):
        return ~person("resident")


class without_sibling(Variable):
    value_type = bool
    entity = Person
    definition_period = ETERNITY

    def formula(person, period, law):
        return ~person("sibling")


class earliest(Variable):
    """The first day on which the child may attend; never later in the month than the 28th."""

    def formula(person, period, law):
        born = person("born")
        early = later(born, plus_days=least(day_of(born), 28) - day_of(born))
        return later(early, months=law("earliest", born))


class may_attend(Variable):
    def formula(person, period, law):
        return person.day >= person("earliest")
