"""Luật Hộ tịch 2014, Điều 16; BLDS 2015, Điều 26: what the law demands of an entry."""


class child_is_alive(Variable):
    def formula(birth, period, law):
        return birth.child("living")


class paternity_settled(Variable):
    """A man who is named is waited for, unless the child is registered without him."""

    def formula(birth, period, law):
        return ~(birth("paternity") == "WAITING") | birth("without_father")


class given_names_are_a_name(Variable):
    def formula(birth, period, law):
        return birth("given_names_letters")


class family_name_is_a_name(Variable):
    def formula(birth, period, law):
        return birth("family_name_letters")


class family_name_is_a_parents(Variable):
    def formula(birth, period, law):
        return ~birth("family_name_letters") | birth("family_name_of_a_parent")


class no_duplicate(Variable):
    def formula(birth, period, law):
        return ~birth("duplicate_suspected")


class registrable(Variable):
    def formula(birth, period, law):
        return (
            birth("child_is_alive")
            & birth("paternity_settled")
            & birth("given_names_are_a_name")
            & birth("family_name_is_a_name")
            & birth("family_name_is_a_parents")
        )
