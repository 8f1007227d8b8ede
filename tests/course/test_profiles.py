import pytest

from course.profiles import ProfileError, check_profile, settings


def test_the_chosen_settings_are_attributes_and_are_printed(capsys):
    run = settings("full", smoke={"epochs": 1}, quick={"epochs": 3}, full={"epochs": 5})
    assert (run.profile, run.epochs) == ("full", 5)
    assert capsys.readouterr().out == "profile full: epochs = 5\n"


def test_many_settings_break_between_two_and_fit_on_a_phone(capsys):
    many = {"images": 60_000, "epochs": 5, "keras_epochs": 20, "repeats": 7, "slow_steps": 1_000}
    settings("full", smoke=many, quick=many, full=many)
    assert capsys.readouterr().out.splitlines() == [
        "profile full: images = 60,000, epochs = 5,",
        "    keras_epochs = 20, repeats = 7,",
        "    slow_steps = 1,000",
    ]


def test_an_unknown_profile_is_named_with_the_known_ones():
    with pytest.raises(ProfileError, match=r"'fast'.*smoke, quick, full"):
        check_profile("fast")


@pytest.mark.parametrize(
    "choices",
    [
        {"smoke": {"n": 1}, "quick": {"n": 1}},
        {"smoke": {"n": 1}, "quick": {"n": 1}, "full": {"m": 1}},
        {"smoke": {"n": 1}, "quick": {"n": 1}, "full": {"n": 1}, "fast": {"n": 1}},
    ],
)
def test_settings_must_be_the_same_in_the_three_profiles(choices):
    with pytest.raises(ProfileError):
        settings("smoke", **choices)
