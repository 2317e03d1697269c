package edgecmp

import (
	"cmp"
	"encoding/hex"
	"errors"
	"math/bits"
	"strconv"
)

// Version is the ordered version of one key: a counter, or the 128 bits of a
// UUIDv7 or ULID, whose order is their order in time. The zero Version is
// lower than every version an origin gives and stands for "none known".
//
// Versions are comparable with ==, and ordered with [Version.Compare].
type Version struct {
	High, Low uint64
}

// NewVersion returns the version with a number, as counters have it.
func NewVersion(number uint64) Version { return Version{Low: number} }

// Compare returns -1, 0 or +1: v is lower than, equal to or higher than w.
func (v Version) Compare(w Version) int {
	if c := cmp.Compare(v.High, w.High); c != 0 {
		return c
	}
	return cmp.Compare(v.Low, w.Low)
}

// IsZero says whether no version is known.
func (v Version) IsZero() bool { return v == Version{} }

// String prints a version as a decimal number below 2^64, and in the form of
// a UUID from there on. [ParseVersion] reads both.
func (v Version) String() string {
	if v.High == 0 {
		return strconv.FormatUint(v.Low, 10)
	}
	var raw [16]byte
	for i := range 8 {
		raw[i] = byte(v.High >> (56 - 8*i))
		raw[8+i] = byte(v.Low >> (56 - 8*i))
	}
	text := hex.EncodeToString(raw[:])
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}

var errVersion = errors.New("edgecmp: a version is an unsigned decimal below 2^128, or a UUID")

// ParseVersion reads what [Version.String] prints, and decimals up to 2^128-1.
func ParseVersion(text string) (Version, error) {
	if isUUID(text) {
		return parseUUID(text)
	}
	if text == "" {
		return Version{}, errVersion
	}
	var v Version
	for _, c := range []byte(text) {
		if c < '0' || c > '9' {
			return Version{}, errVersion
		}
		// v = v*10 + digit, in 128 bits.
		carry, low := bits.Mul64(v.Low, 10)
		overflow, high := bits.Mul64(v.High, 10)
		high, spill := bits.Add64(high, carry, 0)
		low, up := bits.Add64(low, uint64(c-'0'), 0)
		high, spill2 := bits.Add64(high, up, 0)
		if overflow|spill|spill2 != 0 {
			return Version{}, errVersion
		}
		v = Version{High: high, Low: low}
	}
	return v, nil
}

func isUUID(text string) bool {
	return len(text) == 36 && text[8] == '-' && text[13] == '-' && text[18] == '-' && text[23] == '-'
}

func parseUUID(text string) (Version, error) {
	raw, err := hex.DecodeString(text[:8] + text[9:13] + text[14:18] + text[19:23] + text[24:])
	if err != nil {
		return Version{}, errVersion
	}
	var v Version
	for i := range 8 {
		v.High = v.High<<8 | uint64(raw[i])
		v.Low = v.Low<<8 | uint64(raw[8+i])
	}
	return v, nil
}

// MarshalText implements [encoding.TextMarshaler] with [Version.String].
func (v Version) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler] with [ParseVersion].
func (v *Version) UnmarshalText(text []byte) error {
	parsed, err := ParseVersion(string(text))
	if err == nil {
		*v = parsed
	}
	return err
}
