"""Luật Cư trú 2020, Điều 24: nobody is removed before the notice is over, nor unheard, nor from their own; whether they live there an official finds."""


class was_heard(Variable):
    def formula(removal, period, law):
        return removal("answered") | removal("heard")


class may_be_removed(Variable):
    def formula(removal, period, law):
        return (
            removal("asked_by_owner")
            & removal("notice_over")
            & removal("was_heard")
            & ~removal.resident("is_owner")
        )


class removed(Variable):
    """From the dwelling to the commune; who has moved meanwhile is nowhere to be removed from."""

    def formula(removal, period, law):
        return removal("gone") & removal("still_there") & removal("may_be_removed")
