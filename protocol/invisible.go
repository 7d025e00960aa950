package protocol

import "unicode"

const (
	nonJoiner = '\u200c'
	joiner    = '\u200d'
)

// joiningScripts are those whose words cannot be written without joiners: in other words they are there to be overlooked.
var joiningScripts = []*unicode.RangeTable{
	unicode.Arabic, unicode.Syriac, unicode.Mandaic, unicode.Nko, unicode.Mongolian, unicode.Devanagari, unicode.Bengali, unicode.Gurmukhi,
	unicode.Gujarati, unicode.Oriya, unicode.Tamil, unicode.Telugu, unicode.Kannada, unicode.Malayalam, unicode.Sinhala, unicode.Myanmar,
	unicode.Khmer, unicode.Tibetan, unicode.Balinese, unicode.Javanese, unicode.Meetei_Mayek,
}

// turnsText reports whether a text has a character that changes the direction of what stands around it (Unicode's Bidi_Control), or a joiner
// that is not within a word of a script that needs it, nor between the parts of an emoji: by either a text can pass for another.
func turnsText(s string) bool {
	runes := []rune(s)
	for i, r := range runes {
		if unicode.Is(unicode.Bidi_Control, r) || (r == joiner || r == nonJoiner) && !joins(at(runes, i-1), at(runes, i+1)) {
			return true
		}
	}
	return false
}

// joins reports whether a joiner may stand between two characters. After a vowel killer, which is a mark, it may end the word.
func joins(before, after rune) bool {
	if pictorial(before) && pictorial(after) {
		return true
	}
	return ofJoiningWord(before) && (unicode.IsMark(before) || ofJoiningWord(after))
}

func ofJoiningWord(r rune) bool {
	return (unicode.IsLetter(r) || unicode.IsMark(r)) && unicode.In(r, joiningScripts...)
}

// pictorial reports whether a character is part of an emoji: a picture, the tone of a skin, the selector of a form.
func pictorial(r rune) bool {
	return unicode.In(r, unicode.So, unicode.Sk) || r == '\ufe0f' || '\U0001f000' <= r && r <= '\U0001faff'
}

// hidesText reports whether a text has a character that shows nothing, or nothing certain: format characters, fillers, selectors of forms that the character
// before has not, private ones. Names have none, since nobody could tell one with from one without. What Unicode may yet assign is let through, so that
// nodes with older and newer tables judge alike.
func hidesText(s string) bool {
	runes := []rune(s)
	for i, r := range runes {
		before := at(runes, i-1)
		switch {
		case r == joiner || r == nonJoiner: // judged by turnsText
		case unicode.Is(unicode.Variation_Selector, r):
			if !pictorial(before) && !unicode.In(before, unicode.Han, unicode.Mongolian, unicode.Myanmar) || unicode.Is(unicode.Variation_Selector, before) {
				return true
			}
		case unicode.Is(unicode.Prepended_Concatenation_Mark, r): // visible
		case unicode.In(r, unicode.Cf, unicode.Co, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point) || r == '\u2800':
			return true
		}
	}
	return false
}

// at gives the character at a place, 0 outside.
func at(runes []rune, i int) rune {
	if i < 0 || i >= len(runes) {
		return 0
	}
	return runes[i]
}
