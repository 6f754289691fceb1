"""Rahvastikuregistri seadus § 74: owners who differ are bound by their agreement or a judgment; whether it lets somebody live there an official finds."""


class owner_consents(Variable):
    value_type = bool
    entity = Person
    definition_period = ETERNITY

    def formula(person, period, law):
        return person("owns") & person("consents")


class owner_refuses(Variable):
    value_type = bool
    entity = Person
    definition_period = ETERNITY

    def formula(person, period, law):
        return person("owns") & ~person("consents")


class owners_differ(Variable):
    def formula(dispute, period, law):
        return dispute.members("owner_consents").any() & dispute.members("owner_refuses").any()


class to_dwelling(Variable):
    """Without a paper that says so the home is entered to the level of the commune."""

    def formula(dispute, period, law):
        return dispute("paper") & dispute("lets_live_there")
