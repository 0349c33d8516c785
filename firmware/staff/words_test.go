package staff

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"abholstation/locker"
)

// reasons are read from locker's source, so that a new one can not be forgotten.
func reasons(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(gotoken.NewFileSet(), "../../locker/result.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	ast.Inspect(file, func(n ast.Node) bool {
		v, isValue := n.(*ast.ValueSpec)
		if !isValue || len(v.Values) != 1 {
			return true
		}
		if id, isName := v.Type.(*ast.Ident); isName && id.Name == "Reason" {
			s, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, s)
		}
		return true
	})
	if len(out) < 30 {
		t.Fatalf("only %d reasons found", len(out))
	}
	return out
}

func TestEveryReasonHasAStatusAndASentenceInEveryLanguage(t *testing.T) {
	all, err := loadTexts()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range reasons(t) {
		if !slices.Contains([]int{404, 409, 422, 423, 429, 503}, statuses()[r]) {
			t.Errorf("reason %s: status %d", r, statuses()[r])
		}
	}
	for code, status := range statuses() {
		for _, lang := range languages() {
			s := all.sentence(lang, &fault{code: code, what: "x", compartment: 3})
			if strings.HasPrefix(s, "problem.") || len(s) < 10 || strings.ContainsAny(s, "{}") {
				t.Errorf("%s %s: %q", lang, code, s)
			}
			if all.get(lang, "title."+strconv.Itoa(status)) == "title."+strconv.Itoa(status) {
				t.Errorf("%s: no title for %d", lang, status)
			}
		}
	}
}

func TestAllLanguagesHaveTheSameTextsWithTheSamePlaces(t *testing.T) {
	all, err := loadTexts()
	if err != nil {
		t.Fatal(err)
	}
	places := regexp.MustCompile(`\{\w+\}`)
	sorted := func(s string) []string { p := places.FindAllString(s, -1); slices.Sort(p); return p }
	base := all[languages()[0]]
	for _, lang := range languages()[1:] {
		for _, key := range slices.Sorted(maps.Keys(base)) {
			if s, ok := all[lang][key]; !ok || strings.TrimSpace(s) == "" {
				t.Errorf("%s: no text for %s", lang, key)
			} else if !slices.Equal(sorted(s), sorted(base[key])) {
				t.Errorf("%s: %s has other places: %q, %q", lang, key, s, base[key])
			}
		}
		if len(all[lang]) != len(base) {
			t.Errorf("%s has %d texts, %s has %d", lang, len(all[lang]), languages()[0], len(base))
		}
	}
}

func TestThePageUsesOnlyTextsThatExistAndAllOfThem(t *testing.T) {
	all, err := loadTexts()
	if err != nil {
		t.Fatal(err)
	}
	base := all[languages()[0]]
	var source strings.Builder
	files, err := fs.Glob(webFiles, "web/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		raw, err := webFiles.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		source.Write(raw)
	}
	src := source.String()
	quoted := map[string]bool{}
	for _, m := range regexp.MustCompile(`['"`+"`"+`]([a-z_0-9]+(?:\.[a-zA-Z_0-9]+)+)['"`+"`"+`]`).FindAllStringSubmatch(src, -1) {
		quoted[m[1]] = true
	}
	for _, m := range regexp.MustCompile(`\b(?:t|text)\('([a-z_0-9.]+)'[,)]`).FindAllStringSubmatch(src, -1) {
		if _, ok := base[m[1]]; !ok {
			t.Errorf("the page uses %q, which has no text", m[1])
		}
	}
	// Groups whose keys are put together while running.
	built := regexp.MustCompile(`^(problem|title|wait|field|state|status|short|fault|door|tri|size|size_hint|kind|condition|use|role|nav|today|list|language|block|finding|action|announce\.factor|announce\.factor_hint|sheet\.step2|settle|flow|tokens|accounts)\.`)
	for key := range base {
		if !quoted[key] && !built.MatchString(key) {
			t.Errorf("nothing uses the text %q", key)
		}
	}
}

func TestEveryWordOfTheDomainHasAText(t *testing.T) {
	all, err := loadTexts()
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, s := range deliveryStates() {
		keys = append(keys, "state."+string(s))
	}
	for name, k := range locker.ShippedKinds() {
		keys = append(keys, "kind."+name)
		for _, c := range k.Conditions {
			keys = append(keys, "condition."+c)
		}
	}
	for _, s := range []string{"free", "reserved", "occupied", "to_check", "open", "down", "fault", "blocked", "opening"} {
		keys = append(keys, "status."+s, "short."+s)
	}
	for _, f := range []locker.Fault{locker.LockJammed, locker.LockLoose, locker.DoorUnread, locker.DoorForced} {
		keys = append(keys, "fault."+string(f))
	}
	for _, f := range []locker.FactorKind{locker.Birthday, locker.PhoneDigits, locker.AgreedPIN} {
		keys = append(keys, "announce.factor."+string(f), "announce.factor_hint."+string(f), "sheet.step2."+string(f))
	}
	for _, r := range []Role{Loader, Supervisor, IT, Auditor} {
		keys = append(keys, "role."+string(r))
	}
	for _, k := range keys {
		for _, lang := range languages() {
			if all.get(lang, k) == k {
				t.Errorf("%s: no text for %s", lang, k)
			}
		}
	}
}

type openapiDoc struct {
	OpenAPI string `json:"openapi"`
	Paths   map[string]map[string]struct {
		Roles       []Role            `json:"x-roles"`
		Security    []json.RawMessage `json:"security"`
		Parameters  []map[string]any  `json:"parameters"`
		RequestBody *struct {
			Content map[string]struct {
				Examples map[string]struct {
					Value json.RawMessage `json:"value"`
				} `json:"examples"`
			} `json:"content"`
		} `json:"requestBody"`
		Responses map[string]json.RawMessage `json:"responses"`
	} `json:"paths"`
	Components map[string]map[string]json.RawMessage `json:"components"`
}

func TestTheOpenAPIDocumentDescribesTheRoutesAndItsExamplesAreAccepted(t *testing.T) {
	var doc openapiDoc
	if err := json.Unmarshal(openapiJSON, &doc); err != nil {
		t.Fatal(err)
	}
	if doc.OpenAPI != "3.1.0" {
		t.Errorf("version %q", doc.OpenAPI)
	}
	described := map[string]bool{}
	for path, ops := range doc.Paths {
		for method := range ops {
			described[strings.ToUpper(method)+" "+path] = true
		}
	}
	for _, r := range routes() {
		name := r.method + " " + r.path
		if !described[name] {
			t.Errorf("%s is not described", name)
			continue
		}
		delete(described, name)
		op := doc.Paths[r.path][strings.ToLower(r.method)]
		if !slices.Equal(slices.Sorted(slices.Values(op.Roles)), slices.Sorted(slices.Values(r.roles))) {
			t.Errorf("%s: roles %v, described %v", name, r.roles, op.Roles)
		}
		if (r.body != nil) != (op.RequestBody != nil) || len(op.Responses) < 2 || (r.roles == nil) != (op.Security != nil) {
			t.Errorf("%s: body, responses or security are not described", name)
			continue
		}
		if r.body == nil {
			continue
		}
		examples := op.RequestBody.Content["application/json"].Examples
		if len(examples) == 0 {
			t.Errorf("%s has no example", name)
		}
		for key, e := range examples {
			if err := decode(e.Value, r.body()); err != nil {
				t.Errorf("%s: example %s %s: %v", name, key, e.Value, err)
			}
		}
	}
	for name := range described {
		t.Errorf("%s is described, but there is no such route", name)
	}
	for _, m := range regexp.MustCompile(`"#/components/([a-zA-Z]+)/([a-zA-Z]+)"`).FindAllStringSubmatch(string(openapiJSON), -1) {
		if doc.Components[m[1]][m[2]] == nil {
			t.Errorf("%s points to nothing", m[0])
		}
	}
}

// The strict request schemas name exactly the fields that the decoder takes.
func TestTheOpenAPISchemasNameTheFieldsOfTheDecoder(t *testing.T) {
	var doc openapiDoc
	if err := json.Unmarshal(openapiJSON, &doc); err != nil {
		t.Fatal(err)
	}
	for schema, v := range map[string]any{
		"SignIn": signInBody{}, "Second": secondBody{}, "Setup": setupBody{}, "Announce": announceBody{}, "Answer": answerJSON{Delivery: 1, Group: 1, Compartment: 1, Generation: 1},
		"Confirm": confirmBody{}, "Approve": approveBody{}, "Load": loadBody{}, "Loaded": loadedBody{}, "Extend": extendBody{},
		"Retrieve": retrieveBody{}, "Retrieved": retrievedBody{}, "Relocate": relocateBody{}, "Settle": settleBody{},
		"Block": blockBody{}, "Inspected": inspectedBody{}, "NewAccount": Account{}, "NewToken": tokenBody{},
	} {
		var s struct {
			Properties map[string]any `json:"properties"`
		}
		if err := json.Unmarshal(doc.Components["schemas"][schema], &s); err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var have map[string]any
		if err := json.Unmarshal(raw, &have); err != nil {
			t.Fatal(err)
		}
		if a, b := slices.Sorted(maps.Keys(have)), slices.Sorted(maps.Keys(s.Properties)); !slices.Equal(a, b) {
			t.Errorf("%s: the decoder takes %v, described are %v", schema, a, b)
		}
	}
}

func TestThePageIsServedInBothLanguages(t *testing.T) {
	bubble(t, func(o *desk) {
		de := o.ask("GET", "/", "", "Accept-Language: de")
		en := o.ask("GET", "/", "", "Accept-Language: en")
		if !strings.Contains(de.Body.String(), `<html lang="de">`) || !strings.Contains(en.Body.String(), `<html lang="en">`) {
			t.Error("the page is not in the language that was asked for")
		}
		w := o.ask("GET", "/?lang=en", "", "Accept-Language: de")
		c := w.Result().Cookies()
		if w.Code != 303 || len(c) != 1 {
			t.Fatalf("%d %v", w.Code, c)
		}
		chosen := o.ask("GET", "/", "", "Accept-Language: de", fmt.Sprintf("Cookie: lang=%s", c[0].Value))
		if !strings.Contains(chosen.Body.String(), `<html lang="en">`) {
			t.Error("the choice was forgotten")
		}
		for _, name := range []string{"app.js", "ui.js", "data.js", "flows.js", "slip.js", "app.css", "de.json"} {
			if w := o.ask("GET", "/web/"+name, ""); w.Code != 200 || w.Header().Get("Content-Type") == "" {
				t.Errorf("%s: %d", name, w.Code)
			}
		}
		o.want(o.ask("GET", "/web/page.html", ""), 404, "not_found")
	})
}

func TestTheListIsPagedAndSearched(t *testing.T) {
	bubble(t, func(o *desk) {
		auth := o.token(Loader)
		for i := range 5 {
			answer[answerJSON](o, o.api("POST", "/deliveries", fmt.Sprintf(`{"reference":"PA-%d","kinds":["passport"],"factor":"0703"}`, i), auth))
		}
		one := answer[listJSON](o, o.api("GET", "/deliveries?limit=3", "", auth))
		two := answer[listJSON](o, o.api("GET", fmt.Sprintf("/deliveries?limit=3&after=%d", one.Next), "", auth))
		if len(one.Deliveries) != 3 || one.Deliveries[0].ID != 5 || len(two.Deliveries) != 2 || two.Deliveries[1].ID != 1 || two.Next != 0 {
			t.Errorf("pages %+v, %+v", one, two)
		}
		found := answer[listJSON](o, o.api("GET", "/deliveries?reference=pa-3&state=announced,ready", "", auth))
		if len(found.Deliveries) != 1 || found.Deliveries[0].Reference != "PA-3" {
			t.Errorf("search %+v", found)
		}
	})
}
