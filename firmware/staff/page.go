package staff

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"path"
	"slices"
	"strings"

	"abholstation/locker"

	"rsc.io/qr"
)

//go:embed web
var webFiles embed.FS

// page is the shell for the browser: one document, one script, one style sheet.
// It holds no data of deliveries; the script asks the API for them.
type page struct {
	staff *Staff
	shell *template.Template
}

type pageData struct {
	Lang, Other, Name string
	Factor            locker.FactorKind
	Texts             map[string]string
	T                 func(string) string
}

func newPage(s *Staff) (*page, error) {
	shell, err := template.ParseFS(webFiles, "web/page.html")
	if err != nil {
		return nil, fmt.Errorf("cannot read the staff page: %w", err)
	}
	return &page{staff: s, shell: shell}, nil
}

func (p *page) register(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", p.show)
	mux.HandleFunc("GET /web/{file}", p.file)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { p.staff.problem(w, r, fail("not_found")) })
}

// show renders the shell; ?lang= chooses the language for later, too.
func (p *page) show(w http.ResponseWriter, r *http.Request) {
	s := p.staff
	if lang := r.URL.Query().Get("lang"); s.texts[lang] != nil {
		http.SetCookie(w, &http.Cookie{
			Name: "lang", Value: lang, Path: "/", MaxAge: 365 * 24 * 3600,
			HttpOnly: true, Secure: s.opt.Secure, SameSite: http.SameSiteStrictMode,
		})
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	lang := s.texts.pick(r)
	i := slices.Index(languages(), lang)
	data := pageData{
		Lang: lang, Other: languages()[(i+1)%len(languages())], Name: s.opt.Name, Factor: s.opt.Factor,
		Texts: s.texts[lang], T: func(key string) string { return s.texts.get(lang, key) },
	}
	var b bytes.Buffer
	if err := p.shell.Execute(&b, data); err != nil {
		s.problem(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", lang)
	_, _ = w.Write(b.Bytes()) // the reader may be gone
}

// file serves script, style and the texts of a language (for slips in another
// language than the page's).
func (p *page) file(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	kinds := map[string]string{".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".json": "application/json", ".svg": "image/svg+xml"}
	kind := kinds[path.Ext(name)]
	raw, err := webFiles.ReadFile("web/" + name)
	if lang, ok := strings.CutSuffix(name, ".json"); ok && p.staff.texts[lang] != nil {
		raw, err = textFiles.ReadFile("texts/" + name)
	}
	if err != nil || kind == "" {
		p.staff.problem(w, r, fail("not_found"))
		return
	}
	w.Header().Set("Content-Type", kind)
	_, _ = w.Write(raw) // the reader may be gone
}

// qrSVG draws a QR code with its quiet zone of four modules (ISO/IEC 18004).
func qrSVG(text string) (string, error) {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return "", fmt.Errorf("cannot draw the QR code: %w", err)
	}
	const quiet = 4
	var b strings.Builder
	side := code.Size + 2*quiet
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" shape-rendering="crispEdges">`, side, side)
	fmt.Fprintf(&b, `<path fill="#fff" d="M0 0h%dv%dH0z"/><path d="`, side, side)
	for y := range code.Size {
		for x := range code.Size {
			if code.Black(x, y) {
				fmt.Fprintf(&b, "M%d %dh1v1h-1z", x+quiet, y+quiet)
			}
		}
	}
	b.WriteString(`"/></svg>`)
	return b.String(), nil
}
