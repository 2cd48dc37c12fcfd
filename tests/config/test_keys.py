from medsize.config.keys import by_key, differing


def test_nested_values_are_found_by_their_keys():
    assert by_key({"a": {"b": 1, "c": {"d": [2]}}, "e": None}) == {"a.b": 1, "a.c.d": [2], "e": None}


def test_only_what_differs_is_named_and_what_is_not_there_is_none():
    assert differing({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}, "d": 4}) == {"a.c": (2, 3), "d": (None, 4)}


def test_equal_mappings_do_not_differ():
    assert differing({"a": {"b": 1}}, {"a": {"b": 1}}) == {}
