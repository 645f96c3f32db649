"""The state of the service in plain words."""

from scopeside.web.words import Flow, device_words, flow_between, in_words


def flow(received=20, dropped=None, rate_hz=2.0):
    return Flow(received=received, segmented=9, dropped=dropped or {}, rate_hz=rate_hz)


def said(**more):
    known = {
        "state": "ready",
        "state_s": 100.0,
        "silent_s": 0.5,
        "endpoint": "tcp://127.0.0.1:5555",
        "quiet_s": 0.2,
        "flow": flow(),
        "service_s": 0.118,
        "last_drop": None,
    }
    words = in_words(**(known | more))
    return words.level, words.text


def test_all_is_well():
    assert said() == ("good", "Segmenting 2 frames a second, 118 ms each.")
    assert said(flow=flow(rate_hz=1.0))[1].startswith("Segmenting 1 frame a second")


def test_waiting_says_where_for_how_long():
    level, text = said(quiet_s=42.0)
    assert level == "note"
    assert text == "Waiting for frames from tcp://127.0.0.1:5555 for 42 s."
    assert said(quiet_s=7300.0)[1].endswith("for 2.0 h.")


def test_overload_says_how_much_is_dropped():
    level, text = said(flow=flow(received=100, dropped={"overload": 12, "stale": 30}))
    assert level == "warning"
    assert text == "Overloaded: dropping 12 % of the frames, segmenting 2 a second, 118 ms each."


def test_frames_that_cannot_be_used_say_why_before_anything_else():
    dropped = {"bad_shape": 3, "overload": 50}
    level, text = said(flow=flow(received=100, dropped=dropped), last_drop="It is no image.")
    assert level == "warning"
    assert text == "Frames cannot be used (bad_shape 3): It is no image."


def test_silence_is_told_whatever_the_last_word_was():
    assert said(silent_s=9.0) == ("bad", "The service has not been heard from for 9 s.")
    assert said(state=None)[0] == "bad"


def test_every_other_state_has_its_sentence():
    assert said(state="warming", state_s=5)[1].startswith("Warming up for 5 s")
    assert said(state="paused", state_s=180)[1].startswith("Paused for 3 min")
    assert said(state="draining")[0] == "note"
    assert said(state="stopped") == ("bad", "The service has stopped.")


def test_a_gpu_that_was_wanted_and_is_not_there_is_told():
    assert device_words("cpu (AMD EPYC)", "auto") == "GPU absent: running on CPU"
    assert device_words("cpu (AMD EPYC)", "cpu") == "Running on CPU, as set"
    assert device_words("cuda:0 (NVIDIA H100)", "auto") == "Running on cuda:0 (NVIDIA H100)"
    assert device_words(None, "auto") == ""


def test_flow_is_the_difference_of_two_books():
    before = {"received": 10, "segmented": 6, "dropped": {"overload": 2}}
    after = {"received": 30, "segmented": 20, "dropped": {"overload": 5, "deadline": 1}}
    found = flow_between(before, after, 3.0)
    assert (found.received, found.segmented) == (20, 14)
    assert found.dropped == {"overload": 3, "deadline": 1}
    assert found.lost == 0.2
    assert found.unusable == {}
