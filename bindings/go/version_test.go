package edgecmp

import "testing"

func TestVersionPrintsAndReadsBothForms(t *testing.T) {
	for _, text := range []string{"0", "42", "18446744073709551615", "018f2f9e-7c1a-7000-8000-000000000001"} {
		v, err := ParseVersion(text)
		if err != nil || v.String() != text {
			t.Errorf("%q reads as %v, %v", text, v, err)
		}
	}
	top, err := ParseVersion("340282366920938463463374607431768211455")
	if err != nil || top != (Version{High: ^uint64(0), Low: ^uint64(0)}) {
		t.Errorf("2^128-1 reads as %v, %v", top, err)
	}
	two64, err := ParseVersion("18446744073709551616")
	if err != nil || two64 != (Version{High: 1}) {
		t.Errorf("2^64 reads as %v, %v", two64, err)
	}
}

func TestVersionRefusesWhatIsNone(t *testing.T) {
	for _, text := range []string{"", "+1", "-1", " 1", "1.0", "abc", "340282366920938463463374607431768211456",
		"999999999999999999999999999999999999999999", "018f2f9e-7c1a-7000-8000-00000000000g", "018f2f9e_7c1a-7000-8000-000000000001"} {
		if v, err := ParseVersion(text); err == nil {
			t.Errorf("%q reads as %v", text, v)
		}
	}
}

func TestVersionOrder(t *testing.T) {
	ordered := []Version{{}, NewVersion(1), NewVersion(1 << 63), {High: 1}, {High: 1, Low: 1}, {High: 2}}
	for i, v := range ordered {
		for j, w := range ordered {
			want := 0
			if i < j {
				want = -1
			} else if i > j {
				want = 1
			}
			if got := v.Compare(w); got != want {
				t.Errorf("%v.Compare(%v) = %d, want %d", v, w, got, want)
			}
		}
	}
}
