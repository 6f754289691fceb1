"""Perekonnaseisutoimingute seadus § 24, Nimeseadus, Perekonnaseadus § 84: what the law demands of an entry, and when nothing is left to an official."""


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


class given_names_are_few(Variable):
    """Of what is no name nothing is counted."""

    def formula(birth, period, law):
        return ~birth("given_names_letters") | (birth("given_names_count") <= law("names.most_given"))


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
            & birth("given_names_are_few")
            & birth("family_name_is_a_name")
            & birth("family_name_is_a_parents")
        )


class notice_is_there(Variable):
    def formula(birth, period, law):
        return birth("notice_present")


class one_father_named(Variable):
    def formula(birth, period, law):
        return ~birth("another_father_named")


class agrees(Variable):
    """Of parents who are alive each has signed the name; nobody else is asked."""

    value_type = bool
    entity = Person
    definition_period = ETERNITY

    def formula(person, period, law):
        return person.has_role("birth", "child") | ~person("living") | person("signed")


class parents_agree(Variable):
    def formula(birth, period, law):
        return birth.members("agrees").all()


class is_foreign(Variable):
    value_type = bool
    entity = Person
    definition_period = ETERNITY

    def formula(person, period, law):
        return ~(person("code_country") == "EE")


class one_country(Variable):
    def formula(birth, period, law):
        return ~birth.members("is_foreign").any()


class no_protection_order(Variable):
    def formula(birth, period, law):
        return ~birth("protection_order")


class bound(Variable):
    """Nothing is left to discretion: the rule decides alone."""

    def formula(birth, period, law):
        return (
            birth("registrable")
            & ~(birth("paternity") == "WAITING")
            & birth("no_duplicate")
            & birth("notice_is_there")
            & birth("one_father_named")
            & birth("parents_agree")
            & birth("one_country")
            & birth("no_protection_order")
        )
