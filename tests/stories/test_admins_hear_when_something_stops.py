"""Stories: a worker that stopped by itself, and a database that lost everything, are told to the admins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.stories.community import Community


@pytest.mark.parametrize(
    ("job", "argument", "words"),
    [
        pytest.param("tell_stopped", "nudge", "自動処理の一部（nudge）で不具合が続いたため", id="a worker stopped"),
        pytest.param("tell_emptied", "", "これまでの記録（ご質問の経過や案件など）が", id="an empty database"),
    ],
)
async def test_admins_are_told_once_an_hour(community: Community, job: str, argument: str, words: str) -> None:
    for _ in range(2):
        assert await community.runtimes["keeper"].run_job(job, argument) == "told"
        await community.settle()
    [told] = community.admin_transcript
    assert words in told
    assert "システムのご担当" in told
    assert community.transcript == []
