package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"mirnode/conformance"
	"mirnode/conformance/cases"
)

// badgeLabel is what the badge is about.
const badgeLabel = "MIR conformance"

// The badge's colours, each dark enough for white text (WCAG AA).
const (
	green = "#2a7d2e"
	amber = "#8a5a00"
	red   = "#b3261e"
	grey  = "#5f6368"
)

// Badge writes an SVG image for a README: the label, and how many of the demands (MUST and SHOULD) passed, or what failed. It loads nothing and has a title for those who do
// not see it. Only a target that was put to all cases for its kind, and passed, has a green one: where cases were left out or skipped the badge says partial and has the numbers
// of the verdict, and a failure is told though it is listed as expected. An error is the writer's.
func Badge(w io.Writer, r *conformance.Result) error {
	value, colour := badge(r)
	var title strings.Builder
	if err := xml.EscapeText(&title, []byte(badgeLabel+": "+value)); err != nil {
		return err
	}
	left, right := badgeWidth(badgeLabel), badgeWidth(value)
	_, err := fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" width="%[1]d" height="20" viewBox="0 0 %[1]d 20" role="img" aria-labelledby="t">
<title id="t">%[2]s</title>
<clipPath id="r"><rect width="%[1]d" height="20" rx="3"/></clipPath>
<g clip-path="url(#r)"><rect width="%[3]d" height="20" fill="#444"/><rect x="%[3]d" width="%[4]d" height="20" fill="%[5]s"/></g>
<g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,Geneva,sans-serif" font-size="11" aria-hidden="true">
<text x="%[6]d" y="14" textLength="%[7]d" lengthAdjust="spacingAndGlyphs">%[8]s</text>
<text x="%[9]d" y="14" textLength="%[10]d" lengthAdjust="spacingAndGlyphs">%[11]s</text>
</g>
</svg>
`, left+right, title.String(), left, right, colour, left/2, left-2*badgePadding, badgeLabel, left+right/2, right-2*badgePadding, value)
	return err
}

// badge gives the value, of letters, digits, commas and spaces alone, and its colour.
func badge(r *conformance.Result) (value, colour string) {
	must, should := r.Tally(cases.Must), r.Tally(cases.Should)
	ran, all := r.Extent()
	switch {
	case r.Broke != "":
		return "broke down", red
	case must.Failed > 0:
		return fmt.Sprintf("MUST %d failed", must.Failed), red
	case should.Failed > 0:
		return fmt.Sprintf("SHOULD %d failed", should.Failed), amber
	case r.Interrupted:
		return "not finished", grey
	case must.Ran+should.Ran == 0:
		return "not tested", grey
	case ran < all:
		return fmt.Sprintf("partial, %d of %d", ran, all), amber
	case must.Though+should.Though > 0:
		return fmt.Sprintf("%d passed though listed", must.Though+should.Though), amber
	}
	return fmt.Sprintf("%d of %d", must.Passed+should.Passed, must.Ran+should.Ran), green
}

const badgePadding = 6 // pixels, left and right of a text

// badgeWidth is how wide a text's box is, in pixels: about what Verdana at 11 pixels takes; the text is fitted to it, whatever font there is.
func badgeWidth(text string) int {
	tenths := 0
	for _, c := range text {
		switch {
		case strings.ContainsRune("il ", c):
			tenths += 36
		case strings.ContainsRune("rtf", c):
			tenths += 46
		case c == 'm' || c == 'M':
			tenths += 100
		case c >= 'A' && c <= 'Z':
			tenths += 76
		default:
			tenths += 68
		}
	}
	return tenths/10 + 2*badgePadding
}
