"""Nothing that a request says is ignored: it is honoured, or refused by its name."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.support.photographs import LANDSCAPE
from tests.support.problems import assert_problem
from tests.support.streams import open_stream, receive

Fields = list[tuple[str, Any]]


def post_form(client: httpx.Client, fields: Fields, **more: Any) -> httpx.Response:
    """A form of these fields, in their order."""
    return client.post("/parse", files=fields, **more)


def text(name: str, value: str) -> tuple[str, Any]:
    return name, (None, value)


@pytest.mark.parametrize("name", ["file", "image"])
@pytest.mark.parametrize("first", [True, False], ids=["before the file", "after the file"])
def test_fields_beside_the_file_are_parameters(client: httpx.Client, name: str, first: bool) -> None:
    options = [text("budget", "0.3"), text("maps", "depth"), text("size", "model")]
    file = [(name, ("x.jpg", LANDSCAPE))]
    answer = post_form(client, [*options, *file] if first else [*file, *options])
    assert answer.status_code == 200, answer.text
    meta = answer.json()
    assert meta["budget"]["requested"] == 0.3
    assert (list(meta["maps"]), meta["size"]["mode"]) == (["depth"], "model")


def test_a_field_may_choose_what_the_accept_header_asks_for(client: httpx.Client) -> None:
    fields = [("file", LANDSCAPE), text("output", "overlay")]
    answer = post_form(client, fields, headers={"Accept": "image/png"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")


def test_a_parameter_may_stand_in_query_and_form_if_it_is_the_same(client: httpx.Client) -> None:
    fields = [("file", LANDSCAPE), text("budget", "0.50")]
    answer = post_form(client, fields, params={"budget": "0.5", "size": "model"})
    assert answer.json()["budget"]["requested"] == 0.5
    refused = post_form(client, fields, params={"budget": "0.6"})
    assert_problem(refused, 422, "invalid-parameter", "budget is 0.6 in the query and 0.5 in the form")


@pytest.mark.parametrize(
    ("fields", "status", "slug", "words"),
    [
        (
            [text("budjet", "0.3")],
            422,
            "invalid-parameter",
            "form.budjet: 'budjet' is no parameter: did you mean budget?",
        ),
        ([text("budget", "7")], 422, "invalid-parameter", "form.budget"),
        ([text("budget", "")], 422, "invalid-parameter", "form.budget"),
        ([text("tasks", "depth")], 422, "invalid-parameter", "tasks is called maps now"),
        ([text("maps", "nothing")], 422, "unknown-map", "nothing"),
        ([text("model", "other")], 404, "unknown-model", "other"),
        ([text("budget", "0.3"), text("budget", "0.3")], 422, "invalid-parameter", "given 2 times"),
        ([text("file", "photo.jpg")], 400, "malformed-request", "'file' is text and no file"),
        ([("mask", ("m.png", LANDSCAPE))], 400, "malformed-request", "Too many files"),
    ],
)
def test_any_other_field_is_refused_by_name(
    client: httpx.Client, fields: Fields, status: int, slug: str, words: str
) -> None:
    assert_problem(post_form(client, [("file", ("x.jpg", LANDSCAPE)), *fields]), status, slug, words)


@pytest.mark.parametrize(
    ("disposition", "status"),
    [
        ("name=\"file\"; filename*=utf-8''%D1%84.jpg", 200),
        ('name="file"; filename*=utf-8\'\'x; filename="x"', 200),
        ("name=\"file\"; FileName*0*=utf-8''x; filename*1=y", 200),
        ('name="; filename*=x"', 400),
        ("name=\"file\"; filename*=nope''%ff%fe; filename*0*=x", 200),
        ("name=\"file\"; filename*=undefined''%ff", 200),
        ("name=\"file\"; filename*=punycode''" + "9" * 3000, 200),
        ('name="file"', 400),
    ],
)
def test_a_file_name_in_the_extended_form_is_one(client: httpx.Client, disposition: str, status: int) -> None:
    head = f"--B\r\nContent-Disposition: form-data; {disposition}\r\nContent-Type: image/jpeg\r\n\r\n"
    body = head.encode() + LANDSCAPE + b"\r\n--B--\r\n"
    answer = client.post("/parse", content=body, headers={"Content-Type": "multipart/form-data; boundary=B"})
    assert answer.status_code == status, answer.text
    if status == 200:
        assert answer.json()["image"]["width"] == 128


@pytest.mark.parametrize("charset", ["utf-8", "latin-1", "punycode", "no-such-charset", '"'])
def test_fields_are_utf_8_whatever_charset_a_form_names(client: httpx.Client, charset: str) -> None:
    part = 'Content-Disposition: form-data; name="budget"\r\n\r\n'
    photograph = b'Content-Disposition: form-data; name="file"; filename="\xff\xfe"\r\n\r\n' + LANDSCAPE
    body = b"--B\r\n" + part.encode() + b"0.5\r\n--B\r\n" + photograph + b"\r\n--B--\r\n"
    kind = {"Content-Type": f"multipart/form-data; boundary=B; charset={charset}"}
    answer = client.post("/parse", content=body, headers=kind)
    assert answer.status_code == 200, answer.text
    assert answer.json()["budget"]["requested"] == 0.5
    long = b"--B\r\n" + part.encode() + b"9" * 10**6 + b"\r\n--B--\r\n"
    assert_problem(
        client.post("/parse", content=long, headers=kind), 400, "malformed-request", "maximum size"
    )


def test_the_head_of_a_part_is_bounded(client: httpx.Client) -> None:
    name = "".join(f"filename*{index}*=x; " for index in range(500))
    head = f'--B\r\nContent-Disposition: form-data; name="file"; {name}\r\n\r\n'
    kind = {"Content-Type": "multipart/form-data; boundary=B"}
    answer = client.post("/parse", content=head.encode() + LANDSCAPE + b"\r\n--B--\r\n", headers=kind)
    assert_problem(answer, 400, "malformed-request", "Invalid multipart data")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ('{"budjet": null}', "options.budjet"),
        (
            '{"budjet": 0.3}',
            "options.budjet: 'budjet' is no parameter: did you mean budget? There are budget",
        ),
        ('{"output": "overlay"}', "output is called answer here: answer=overlay"),
        ('{"budget": 0}', "options.budget: 0 is not a number of more than 0 and at most 1"),
        ('{"tasks": null}', "maps"),
    ],
)
def test_an_unknown_option_of_a_stream_is_refused_whatever_its_value(
    client: httpx.Client, options: str, words: str
) -> None:
    with open_stream(client) as stream:
        stream.send(options)
        refused = receive(stream)
    assert refused.problem == "invalid-parameter"
    assert words in refused.header["problem"]["detail"]
