"""Luật Cư trú 2020, Điều 20 to Điều 23: what stands against the entry of a home. Nothing of it is left to discretion: where nothing stands against it, it is made."""


class place_is_there(Variable):
    def formula(move, period, law):
        return move("place_exists")


class people_are_known(Variable):
    def formula(move, period, law):
        return move.members("known").all()


class people_live(Variable):
    """Of who is in no register nothing is said."""

    def formula(move, period, law):
        return move.members("unknown_or_living").all()


class unknown_or_living(Variable):
    value_type = bool
    entity = Person
    definition_period = ETERNITY

    def formula(person, period, law):
        return ~person("known") | person("living")


class custody_agrees(Variable):
    def formula(move, period, law):
        return move.members("adult_or_agreed").all()


class adult_or_agreed(Variable):
    value_type = bool
    entity = Person
    definition_period = ETERNITY

    def formula(person, period, law):
        return ~person("known") | ~person("minor") | person("custodian_agrees")


class days_fit(Variable):
    """Nobody moves before they are born, nor farther ahead than the law lets them tell."""

    def formula(move, period, law):
        return (move("days_ahead") <= law("notice.most_days_ahead")) & move.members("born_by_then").all()


class told_in_time(Variable):
    def formula(move, period, law):
        return move("sent_in_time")


class one_home(Variable):
    def formula(move, period, law):
        return ~move.members("home_since").any()


class leave_to_live_there(Variable):
    """An owner of the dwelling who moves or consents, a lease, a judgment; a newborn needs nobody's leave to come home."""

    def formula(move, period, law):
        return ~(move("entered_as") == "dwelling") | ~(move("consent") == "none")


class consent_is_an_owners(Variable):
    def formula(move, period, law):
        return ~move("stranger_consents")


class household_fits(Variable):
    def formula(move, period, law):
        return move("household_is_there")


class there_is_room(Variable):
    """Luật Cư trú 2020, Điều 20.3: so many square metres for each. A dwelling whose area nobody knows is not measured."""

    def formula(move, period, law):
        return ~move("area_known") | (move("people_then") * law("room.per_person") <= move("floor_area"))


class to_dwelling(Variable):
    """Without an owner's word the home is entered to the level of the commune."""

    def formula(move, period, law):
        return move("dwelling_named") & ~(move("consent") == "none")


class registrable(Variable):
    def formula(move, period, law):
        return (
            move("place_is_there")
            & move("people_are_known")
            & move("people_live")
            & move("custody_agrees")
            & move("days_fit")
            & move("told_in_time")
            & move("one_home")
            & move("leave_to_live_there")
            & move("consent_is_an_owners")
            & move("household_fits")
            & move("there_is_room")
        )
