"""From argument strings to options: common options on both sides of the command, abbreviations, old names, exclusions."""

from __future__ import annotations

import argparse

import pytest

from vinculum.cli import parser, registry
from vinculum.errors import InvalidPlaceholder


@pytest.fixture(autouse=True)
def _no_repository_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BORG_REPO", raising=False)


def parse(*arguments: str) -> argparse.Namespace:
    return parser.parse_command_line("borg", list(arguments))[1]


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as end:
        parse(*arguments)
    assert end.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    usage, message = printed.err.splitlines()[:2]
    assert usage.startswith("usage: borg")
    return message


# -- common options ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ["--info", "--lock-wait", "7", "--umask", "022", "--bypass-lock", "list", "repo"],
        ["list", "--info", "--lock-wait", "7", "--umask", "022", "--bypass-lock", "repo"],
        ["--info", "--umask=022", "list", "repo", "--lock-wait=7", "--bypass-lock"],
        ["--inf", "--lock-w", "7", "list", "--uma", "022", "--byp", "repo"],
    ],
)
def test_common_options_stand_before_or_after_the_command(arguments: list[str]) -> None:
    args = parse(*arguments)
    assert (args.log_level, args.lock_wait, args.umask, args.lock) == ("info", 7, 0o22, False)


def test_the_later_of_two_common_options_counts() -> None:
    assert parse("--debug", "list", "--error", "repo").log_level == "error"
    assert parse("--lock-wait", "1", "list", "--lock-wait", "2", "repo").lock_wait == 2


def test_debug_topics_add_up() -> None:
    assert parse("--debug-topic", "a", "list", "--debug-topic", "b", "repo").debug_topics == ["a", "b"]


def test_defaults_of_common_options() -> None:
    args = parse("list", "repo")
    wanted = {
        "log_level": "warning",
        "debug_topics": [],
        "progress": False,
        "iec": False,
        "log_json": False,
        "lock_wait": 1,
        "lock": True,
        "show_version": False,
        "show_rc": False,
        "umask": 0o77,
        "remote_path": None,
        "upload_ratelimit": None,
        "upload_buffer": None,
        "consider_part_files": False,
        "debug_profile": None,
        "rsh": None,
    }
    assert {name: getattr(args, name) for name in wanted} == wanted


def test_verbose_is_info() -> None:
    assert parse("-v", "list", "repo").log_level == parse("list", "--verbose", "repo").log_level == "info"


# -- options of commands -----------------------------------------------------------------------------------------------


def test_options_may_be_abbreviated_while_they_are_unique(capsys: pytest.CaptureFixture[str]) -> None:
    args = parse("create", "--stat", "--comp", "zstd,3", "--one", "repo::a", "path")
    assert (args.stats, args.compression, args.one_file_system) == (True, "zstd,3", True)
    assert "ambiguous" in refusal(capsys, "create", "--com", "x", "repo::a", "path")
    for words in (["--ver", "list"], ["list", "--ver"], ["list", "repo", "--v"], ["key", "export", "--verb", "--ve"]):
        assert "could match --version, --verbose" in refusal(capsys, *words), "as if --version were an option of each command"
    assert parse("list", "--verb", "repo").log_level == "info"


@pytest.mark.parametrize("option", ["--con", "--consider", "--comp=bash"])
def test_options_of_our_own_are_in_the_way_of_no_abbreviation_in_front_of_the_command(option: str) -> None:
    if option.startswith("--con"):
        assert parse(option, "list", "repo").consider_part_files
        assert parse("--info", "key", option, "export", "repo").consider_part_files
    else:
        with pytest.raises(SystemExit):
            parse(option)


def test_what_may_be_given_once_may_not_be_given_again(capsys: pytest.CaptureFixture[str]) -> None:
    assert "There can be only one" in refusal(capsys, "mount", "-o", "uid=1", "-o", "gid=1", "repo", "place")
    assert "There can be only one" in refusal(capsys, "create", "--filter=A", "--filter=A", "repo::a", "path")
    again = parse("create", "--chunker-params=default", "--chunker-params=fixed,4096", "repo::a", "path")
    assert again.chunker_params == ("fixed", 4096, 0), "as if it had not been given before"


def test_an_empty_path_for_a_key_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    """It comes from variables that are not set, and would have stood for stdout."""
    assert "argument PATH" in refusal(capsys, "key", "export", "repo", "")


def test_old_names_work() -> None:
    args = parse("create", "--numeric-owner", "--nobsdflags", "--noatime", "--remote-ratelimit", "5", "repo::a", "path")
    assert (args.numeric_ids, args.noflags, args.upload_ratelimit) == (True, True, 5)


def test_pattern_options_keep_their_order() -> None:
    args = parse(
        "create",
        "-e",
        "one",
        "--pattern",
        "+ two",
        "--exclude-from",
        "three",
        "--exclude",
        "four",
        "--patterns-from=five",
        "r::a",
        "p",
    )
    assert args.pattern_sources == [
        ("exclude", "one"),
        ("pattern", "+ two"),
        ("exclude-from", "three"),
        ("exclude", "four"),
        ("patterns-from", "five"),
        ("root", "p"),
    ]
    assert parse("create", "r::a", "p").pattern_sources == [("root", "p")]


def test_defaults_of_create() -> None:
    args = parse("create", "repo::a", "one", "two")
    assert args.paths == ["one", "two"]
    assert (args.files_cache_mode, args.files_changed) == ("cis", "ctime")
    assert (args.compression, args.chunker_params) == ("lz4", ("buzhash", 19, 23, 21, 4095))
    assert (args.checkpoint_interval, args.comment, args.timestamp) == (1800, "", None)
    assert (args.stdin_name, args.stdin_user, args.stdin_group, args.stdin_mode) == ("stdin", "root", "root", 0o660)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["create", "--filter", "A", "--filter", "M", "r::a", "p"], "There can be only one"),
        (["list", "--first", "1", "--last", "1", "r"], "not allowed with"),
        (["list", "-P", "x", "-a", "y", "r"], "not allowed with"),
        (["list", "--first", "0", "r"], "positive"),
        (["create", "--files-changed", "size", "r::a", "p"], "invalid choice"),
        (["create", "r", "p"], "argument ARCHIVE"),
        (["create", "r::{now", "p"], "argument ARCHIVE"),
        (["create", "--comment", "{now", "r::a", "p"], "argument --comment"),
        (["list"], "argument REPOSITORY_OR_ARCHIVE"),
        (["init", "repo"], "--encryption"),
        (["init", "-e", "rot13", "repo"], "rot13"),
        (["init", "-e", "none", "repo::a"], "No archive can be specified"),
        (["list", "--lock-wait", "long", "r"], "--lock-wait"),
    ],
)
def test_wrong_use_is_explained_in_two_lines(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert says in refusal(capsys, *arguments)


def test_timestamps_count_for_placeholders_wherever_they_stand() -> None:
    args = parse("create", "repo::{utcnow:%Y}", "path", "--timestamp", "1999-05-05")
    assert args.location.archive == "1999"


def test_unknown_placeholders_are_errors_of_their_own() -> None:
    with pytest.raises(InvalidPlaceholder):
        parse("create", "repo::{nonsense}", "path")


# -- help --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(registry.COMMANDS))
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        parse(name, "--help")
    assert end.value.code == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"usage: borg {name} [options]")
    assert printed.endswith(parser.shown_help(name))
    assert printed.split()[-len(words := parser.read_help(name).split()) :] == words


@pytest.mark.parametrize("topic", sorted(registry.TOPICS))
def test_every_topic_has_a_text(topic: str) -> None:
    assert len(parser.read_help(topic).splitlines()) > 5


@pytest.mark.parametrize("arguments", [[], ["--info"], ["--help"], ["-h"]])
def test_without_a_command_all_of_them_are_listed(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        parse(*arguments)
    assert end.value.code == 0
    printed = capsys.readouterr().out
    commands, _, topics = printed.partition("Commands:\n")[2].partition("\nTopics:\n")
    assert {line.split()[0] for line in commands.splitlines()} == {name.split()[0] for name in registry.COMMANDS}
    assert {line.split()[0] for line in topics.splitlines() if line.startswith("  ")} == set(registry.TOPICS)


@pytest.mark.parametrize("group", sorted(registry.GROUPS))
@pytest.mark.parametrize("options", [[], ["--info"], ["--help"]])
def test_groups_list_their_commands(group: str, options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        parse(group, *options)
    assert end.value.code == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"usage: borg {group} [common options] <command>")
    members = [name for name in registry.COMMANDS if name.startswith(f"{group} ")]
    assert members
    assert all(f"  {name} " in printed for name in members)
    assert "  create " not in printed


def test_common_options_may_stand_before_each_word() -> None:
    command, args = parser.parse_command_line("borg", ["--lock-wait", "7", "key", "--info", "export", "--paper", "repo", "-p"])
    assert command.__name__.endswith("key_export")
    assert (args.lock_wait, args.log_level, args.paper, args.progress) == (7, "info", True, True)


@pytest.mark.parametrize(
    ("words", "program"), [(["nonsense"], "borg"), (["key", "nonsense"], "borg key"), (["key", "-v", "create"], "borg key")]
)
def test_words_that_are_no_commands(words: list[str], program: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        parse(*words)
    assert end.value.code == 2
    printed = capsys.readouterr().err
    assert f"{program}: error: there is no command {words[-1]!r}." in printed
    assert "key export" not in printed


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["crate", "r::a", "p"], "borg: error: there is no command 'crate'. Did you mean create?"),
        (["backup", "r::a", "p"], "borg: error: there is no command 'backup'. Did you mean create?"),
        (["key", "exprot", "r"], "borg key: error: there is no command 'exprot'. Did you mean export?"),
        (["key", "backup", "r"], "borg key: error: there is no command 'backup'. There are change-passphrase, export, "),
        (["create", "--exlude=x", "r::a", "p"], "borg create: error: unknown option --exlude=x. Did you mean --exclude?"),
        (["list", "r", "--sort"], "borg list: error: argument --sort-by: expected one argument"),
        (["list", "-Q", "r"], "borg list: error: unknown option -Q. borg list --help lists all."),
        (["--vebose", "list", "r"], "borg: error: unknown option --vebose. Did you mean --verbose?"),
        (["serve", "here"], "borg serve: error: unrecognized arguments: here"),
    ],
)
def test_what_was_mistyped_is_answered_with_what_was_meant(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        parse(*arguments)
    assert end.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].startswith(told)
    assert len(lines) == (1 if "option" in told or "command" in told else 2)
