from medsize.errors import InputError, InputErrors


def test_a_message_says_problem_expected_found_and_remedy():
    error = InputError("a.csv, row 3: no size", expected="a number", found="'x'", remedy="correct the row")
    assert str(error) == ("a.csv, row 3: no size\n  expected: a number\n  found:    'x'\n  remedy:   correct the row")


def test_several_are_said_together_in_their_order():
    both = InputErrors([InputError("first"), InputError("second", found="x")])
    assert str(both) == "2 problems:\n- first\n- second\n  found:    x"
    assert [error.problem for error in both.errors] == ["first", "second"]


def test_one_is_one_problem():
    assert str(InputErrors([InputError("only")])).startswith("1 problem:")


def test_of_very_many_the_first_are_said_and_the_rest_counted():
    many = InputErrors([InputError(f"row {row}") for row in range(1300)])
    assert str(many).splitlines()[-2:] == ["- row 99", "and 1,200 more"]
    assert len(many.errors) == 1300
