"""Which CPUs train in bf16."""

import pytest

from tag_plugin.tiny.bf16 import cpu_has_bf16


@pytest.mark.parametrize(
    ("cpuinfo", "has"),
    [
        ("processor : 0\nflags\t\t: fpu avx2 avx512f avx512_bf16 sha_ni\n", True),
        ("processor : 0\nflags\t\t: fpu avx512f amx_bf16 amx_tile\n", True),
        ("processor : 0\nFeatures\t: fp asimd sve bf16 i8mm\n", True),
        ("processor : 0\nmodel name : EPYC bf16\nflags\t\t: fpu avx2 sha_ni\n", False),
        ("processor : 0\nFeatures\t: fp asimd\n", False),
        ("nothing that is known\n", True),
    ],
)
def test_a_cpu_has_bf16_units_where_its_flags_say_so(tmp_path, cpuinfo, has):
    file = tmp_path / "cpuinfo"
    file.write_text(cpuinfo)
    assert cpu_has_bf16(file) is has


def test_where_the_system_does_not_say_recipes_stay_as_they_are(tmp_path):
    assert cpu_has_bf16(tmp_path / "absent")
