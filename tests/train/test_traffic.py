"""Bytes that a loop moves, against sums by hand over a program of a few lines."""

import pytest

from train.plan.traffic import moved_in_loop

PROGRAM = """\
HloModule decode

%overwrite (a: bf16[8,4], b: bf16[1,4], c: s32[]) -> bf16[8,4] {
  %a = bf16[8,4]{1,0} parameter(0)
  %b = bf16[1,4]{1,0} parameter(1)
  %c = s32[]{:T(128)} parameter(2)
  %zero = s32[] constant(0)
  ROOT %put = bf16[8,4]{1,0} dynamic-update-slice(%a, %b, %c, %zero)
}

%look (table: f32[100,4], at: s32[2]) -> f32[2,4] {
  %table = f32[100,4]{1,0} parameter(0)
  %at = s32[2]{0} parameter(1)
  ROOT %rows = f32[2,4]{1,0} gather(%table, %at), offset_dims={1}
}

%inner (i: (f32[10])) -> (f32[10]) {
  %i = (f32[10]{0}) parameter(0)
  %x = f32[10]{0} get-tuple-element(%i), index=0
  %twice = f32[10]{0} add(%x, %x)
  ROOT %o = (f32[10]{0}) tuple(%twice)
}

%body (p: (f32[10], f32[100,4], bf16[8,4])) -> (f32[10], f32[100,4], bf16[8,4]) {
  %p = (f32[10]{0}, f32[100,4]{1,0:T(8,128)}, bf16[8,4]{1,0}) parameter(0)
  %x = f32[10]{0} get-tuple-element(%p), index=0
LINES
  ROOT %out = (f32[10]{0}, f32[100,4]{1,0:T(8,128)}, bf16[8,4]{1,0}) tuple(%x, %x, %x)
}

ENTRY %main (x: f32[1000]) -> f32[1000] {
  %x = f32[1000]{0} parameter(0)
  %before = f32[1000]{0} copy(%x)
  ROOT %loop = (f32[10]{0}) while(%before), condition=%cond, body=%body
}
"""

TABLE = "  %table = f32[100,4]{1,0:T(8,128)} get-tuple-element(%p), index=1\n"
CACHE = """\
  %cache = bf16[8,4]{1,0} get-tuple-element(%p), index=2
  %new = bf16[1,4]{1,0} constant({...})
  %slot = s32[] constant(3)
"""
NEAR = "  %near = f32[10]{0:T(128)S(1)} get-tuple-element(%p), index=0\n"


@pytest.mark.parametrize(
    ("lines", "moved"),
    [
        ("  %y = (f32[10]{0}, f32[]) fusion(%x, %x), calls=%other", 40 + 4 + 2 * 40),
        (NEAR + "  %y = f32[10]{0} negate(%near)", 40),
        (
            CACHE + "  %y = bf16[8,4]{1,0} dynamic-update-slice(%cache, %new, %slot, %slot)",
            2 * 8 + 8,
        ),
        (CACHE + "  %y = bf16[8,4]{1,0} fusion(%cache, %new, %slot), calls=%overwrite", 20),
        (TABLE + "  %y = f32[2,4]{1,0} fusion(%table, %x), calls=%look", 2 * 32 + 40),
        ("  %y = (f32[10]{0:T(128)S(1)}, f32[10]{0}, u32[]) copy-start(%x)", 40),
        (
            "  %y = (f32[10]{0:S(1)}, f32[10]{0}, u32[]) copy-start(%x)\n"
            "  %z = f32[10]{0:S(1)} copy-done(%y)",
            40,
        ),
        ("  %y = ((f32[10]{0}), f32[5]{0}, u32[]) slice-start(%x)", 2 * 20),
        (
            "  %y = (f32[10]{0}) while(%p), body=%inner, backend_config="
            '{"known_trip_count":{"n":"3"}}',
            3 * 3 * 40,
        ),
    ],
    ids=[
        "all of operands and results",
        "not what lies in the core",
        "a slot written in place",
        "a slot written in place by a fusion",
        "rows of a table",
        "a copy into the core",
        "its end moves nothing more",
        "a slice",
        "a loop within, three times",
    ],
)
def test_what_a_turn_moves(lines, moved):
    assert moved_in_loop(PROGRAM.replace("LINES", lines)) == moved


def test_a_program_without_a_loop_is_refused():
    with pytest.raises(ValueError, match=r"one loop .* found 0"):
        moved_in_loop("ENTRY %main (x: f32[2]) -> f32[2] {\n  %x = f32[2]{0} parameter(0)\n}\n")
