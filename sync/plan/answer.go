package plan

import (
	"strings"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
)

// answer is what the first reading after a write says of it.
type answer uint8

const (
	confirmed  answer = iota // theirs is what was sent, exactly or by form
	edited                   // somebody else changed it since
	formOrEdit               // nobody can tell
	ignored                  // what stood there before still does, or nothing stands there
	repeated                 // the same other value, to the same value of ours, once more
	ownForm                  // surely what they made of our value
	filled                   // what they put into a field that we left blank
)

// answered classifies the first reading after a write (F2), in this order: who
// changed the field, whether it is what was sent, who touched the record, what
// may still stand there, whether it can only be ours.
func (s *sides) answered() answer {
	other := s.Reading.Touched == record.ByOther
	switch {
	case s.Reading.History == record.ByOther:
		return edited
	case s.theirs == s.There.Sent(), s.equal():
		return confirmed
	case other && !s.There.May(s.theirs):
		return edited
	case other:
		return formOrEdit
	case s.leftBlank():
		return filled
	case s.swallowed():
		return ignored
	case s.There.AnsweredBefore(s.theirs):
		return repeated
	case s.Reading.ByID && s.There.May(s.theirs):
		return ignored
	case s.Reading.History == record.ByOurs, s.Reading.Own:
		return ownForm
	}
	return formOrEdit
}

// leftBlank reports whether we made the record without a value for the field, and
// have none still.
func (s *sides) leftBlank() bool {
	return s.There == record.SentThere(s.null) && s.ours == s.Told && s.Ours.IsNull()
}

// swallowed reports whether a text was sent and nothing stands there: a blank is
// no form of a text, unless that is blanks alone.
func (s *sides) swallowed() bool {
	sent := s.There.Sent()
	return s.theirs == s.null && sent != 0 && sent != s.null && strings.TrimSpace(s.OursRemote.Text()) != ""
}

// pushedAnswer decides on the first reading after a write. A change of ours since
// goes out whatever became of the last one, and so does one that was held back.
func (s *sides) pushedAnswer(a answer) Verdict {
	held := s.Freed && s.ours == s.Told && !s.holdsOurs() && !s.equal()
	still := s.ours == s.Told && !s.remoteChanged() && !held
	switch {
	case a == edited:
	case still && a != confirmed:
		return s.unconfirmed(a)
	case a != confirmed && !held, s.theirs == s.Seen:
	case still:
		return s.agree(Same) // what was sent, in their form
	default:
		s.Seen = s.theirs
	}
	return s.pushedTable()
}

// unconfirmed decides a value that they have and we did not send, while ours is
// what was sent.
func (s *sides) unconfirmed(a answer) Verdict {
	switch a {
	case ignored:
		if s.Rule.Write == fieldmap.Enforce && s.There.TimesSent() < 2 {
			return s.push(DriftEnforced)
		}
		return s.hold(WriteIgnored)
	case repeated:
		if !s.sameSpelling() {
			return s.hold(Oscillating)
		}
		return s.tolerate(RemoteForm)
	case ownForm:
		return s.tolerate(RemoteForm)
	case filled:
		return s.tolerate(VendorDefault)
	case formOrEdit, confirmed, edited:
	}
	return s.drifted(FormOrEdit)
}

// sameSpelling reports whether theirs and ours differ in case, blanks, marks
// between digits, or digits behind the point alone.
func (s *sides) sameSpelling() bool {
	a, b := s.Theirs.Text(), s.OursRemote.Text()
	if !s.Theirs.IsSet() || !s.OursRemote.IsSet() {
		return false
	}
	if squeezed(a) == squeezed(b) || withoutZeros(a) == withoutZeros(b) {
		return true
	}
	return fieldmap.Digits.Equal(s.Theirs, s.OursRemote) && !hasLetter(a) && !hasLetter(b)
}

// squeezed is a text without case and without blanks.
func squeezed(text string) string {
	return strings.ReplaceAll(fieldmap.Fold.Key(record.Of(text)), " ", "")
}

// withoutZeros is a number without the zeros that end its fraction.
func withoutZeros(text string) string {
	if hasLetter(text) || !strings.Contains(text, ".") {
		return text
	}
	return strings.TrimRight(strings.TrimRight(text, "0"), ".")
}

func hasLetter(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r > 0x7F }) >= 0
}
