package locker

// The conditions of the shipped kinds.
const (
	PINLetterConfirmed     = "pin_letter_confirmed"     // PAuswV § 17: receipt of the PIN letter confirmed in text form
	OldDocumentSurrendered = "old_document_surrendered" // the old driving licence was handed in
)

// ShippedKinds returns the kinds of document that a station knows until its
// configuration says otherwise, by name. Each call returns a map of its own.
// Why they are set so is in deploy/docs/kinds.md.
func ShippedKinds() map[string]Kind {
	kinds := make(map[string]Kind)
	for _, k := range []Kind{
		{Name: "passport", OnlySelf: true},
		{Name: "provisional_passport", OnlySelf: true},
		{Name: "identity_card", OnlySelf: true, Conditions: []string{PINLetterConfirmed}},
		{Name: "residence_permit", OnlySelf: true, Conditions: []string{PINLetterConfirmed}},
		{Name: "driving_licence", OnlySelf: true, Conditions: []string{OldDocumentSurrendered}},
		{Name: "registration_papers"},
		{Name: "certificate"},
		{Name: "other"},
	} {
		kinds[k.Name] = k
	}
	return kinds
}
