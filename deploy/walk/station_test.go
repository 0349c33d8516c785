//go:build browser

package walk

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"abholstation/locker"
)

// station is a running stationsim.
type station struct {
	t                        *testing.T
	cabinet, terminal, staff string // addresses, with a slash at the end
	token, password          string
}

// startStation builds and starts the program with a new state.
func startStation(t *testing.T) *station {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "stationsim")
	build := exec.Command("go", "build", "-o", program, "./cmd/stationsim")
	build.Dir = root(t)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("cannot build stationsim: %v\n%s", err, out)
	}
	cmd := exec.Command(program, "-state", filepath.Join(dir, "state"))
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("stationsim did not end well: %v", err)
		}
	})
	s := &station{t: t}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if s.told(lines.Text()) {
			go func() { _, _ = io.Copy(io.Discard, out) }() // ends with the process
			return s
		}
	}
	t.Fatal("stationsim ended without ready")
	return nil
}

// told takes in one line of the program's output; true at the last one.
func (s *station) told(line string) bool {
	f := strings.Fields(line)
	if len(f) == 1 {
		return f[0] == "ready"
	}
	if len(f) == 0 {
		return false
	}
	switch f[0] {
	case "cabinet":
		s.cabinet = f[1]
	case "terminal":
		s.terminal = f[1]
	case "staff":
		if f[1] == "token" {
			s.token = f[2]
		} else {
			s.staff = f[1]
		}
	case "sign-in":
		if m := regexp.MustCompile(`password (\S+)`).FindStringSubmatch(line); m != nil {
			s.password = m[1]
		}
	}
	return false
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// ask sends a request and decodes the answer; any status but 2xx is fatal.
func (s *station) ask(method, url string, body, out any) {
	s.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	if body == nil {
		raw = nil
	}
	r, err := http.NewRequest(method, url, bytes.NewReader(raw))
	if err != nil {
		s.t.Fatal(err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if strings.HasPrefix(url, s.staff) {
		r.Header.Set("Authorization", "Bearer "+s.token)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if answer.StatusCode/100 != 2 {
		s.t.Fatalf("%s %s %s: %s %s", method, url, raw, answer.Status, text)
	}
	if out != nil {
		if err := json.Unmarshal(text, out); err != nil {
			s.t.Fatalf("%s %s: %v: %s", method, url, err, text)
		}
	}
}

type object map[string]any

// world does something with the cabinet, as hands, weather and time would.
func (s *station) world(path string, body object) {
	s.t.Helper()
	s.ask(http.MethodPost, s.cabinet+"api/world/"+path, body, nil)
}

func (s *station) door(n int, do string) {
	s.t.Helper()
	s.world("door", object{"compartment": n, "do": do})
}

func (s *station) put(n int) {
	s.t.Helper()
	s.world("paper", object{"compartment": n, "do": "put"})
}

func (s *station) take(n int) {
	s.t.Helper()
	s.world("paper", object{"compartment": n, "do": "take"})
}

func (s *station) pass(d time.Duration) {
	s.t.Helper()
	s.world("clock/pass", object{"seconds": int(d / time.Second)})
}

// input is what keypad and scanner send to the terminal.
func (s *station) input(press object) {
	s.t.Helper()
	s.ask(http.MethodPost, s.terminal+"input", press, nil)
}

func (s *station) keys(digits string) {
	s.t.Helper()
	for _, d := range digits {
		s.input(object{"key": string(d)})
	}
}

// truth is the part of GET /api/world that the walk looks at.
type truth struct {
	Compartments []struct {
		Number  int      `json:"number"`
		Open    bool     `json:"open"`
		Papers  []string `json:"papers"`
		Sensors string   `json:"sensors"`
		Belief  *struct {
			Open string `json:"open"`
		} `json:"belief"`
	} `json:"compartments"`
	Phone []struct {
		Code string `json:"code"`
		QR   string `json:"qr"`
	} `json:"phone"`
	Violations []string `json:"violations"`
}

func (s *station) truth() (w truth) {
	s.t.Helper()
	s.ask(http.MethodGet, s.cabinet+"api/world", nil, &w)
	return w
}

// open are the numbers of the doors that stand open.
func (w truth) open() (numbers []int) {
	for _, c := range w.Compartments {
		if c.Open {
			numbers = append(numbers, c.Number)
		}
	}
	return numbers
}

// eventually waits for something outside the browser.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); <-look.C {
		if f() {
			return
		}
	}
	t.Fatalf("%s: this did not happen", what)
}

// opens waits until exactly one door stands open, and the station has seen it,
// and returns its number: nobody closes a door within milliseconds.
func (s *station) opens() (n int) {
	s.t.Helper()
	eventually(s.t, "one door opens", func() bool {
		w := s.truth()
		o := w.open()
		if len(o) != 1 {
			return false
		}
		n = o[0]
		b := w.Compartments[n-1].Belief
		return b != nil && b.Open == "yes"
	})
	return n
}

type delivery struct {
	ID          int    `json:"id"`
	State       string `json:"state"`
	Compartment int    `json:"compartment"`
}

func (s *station) delivery(id int) (d delivery) {
	s.t.Helper()
	s.ask(http.MethodGet, fmt.Sprintf("%sapi/v1/deliveries/%d", s.staff, id), nil, &d)
	return d
}

func (s *station) reaches(id int, state string) {
	s.t.Helper()
	eventually(s.t, fmt.Sprintf("delivery %d becomes %s", id, state), func() bool { return s.delivery(id).State == state })
}

// load brings a delivery into a compartment (0: the station chooses) by the
// office's API, and says the message on the citizen's phone.
func (s *station) load(reference, factor string, compartment int) (d delivery, code, qr string) {
	s.t.Helper()
	var a struct {
		Delivery    int `json:"delivery"`
		Compartment int `json:"compartment"`
	}
	s.ask(http.MethodPost, s.staff+"api/v1/deliveries", object{
		"reference": reference, "kinds": []string{"passport"}, "factor": factor, "lang": "en",
		"contact": object{"mobile": "+4915112345678"},
	}, &a)
	id := a.Delivery
	body := object{}
	if compartment != 0 {
		body["compartment"] = compartment
	}
	s.ask(http.MethodPost, fmt.Sprintf("%sapi/v1/deliveries/%d/load", s.staff, id), body, &a)
	n := s.opens()
	if a.Compartment != n {
		s.t.Fatalf("the station says that %d opens, but %d is open", a.Compartment, n)
	}
	s.put(n)
	s.door(n, "close")
	eventually(s.t, fmt.Sprintf("the loading of compartment %d ends", n), func() bool { return s.delivery(id).State != "loading" || s.asked(n) })
	if s.asked(n) {
		s.ask(http.MethodPost, fmt.Sprintf("%sapi/v1/deliveries/%d/loaded", s.staff, id), object{"inside": true}, nil)
	}
	s.reaches(id, "settling")
	messages := len(s.truth().Phone)
	s.pass(21 * time.Second)
	s.reaches(id, "ready")
	eventually(s.t, "a message arrives", func() bool { return len(s.truth().Phone) > messages })
	m := s.truth().Phone[0]
	return s.delivery(id), strings.ReplaceAll(m.Code, " ", ""), m.QR
}

// asked says that the clerk is asked what is inside: no sensor tells.
func (s *station) asked(n int) bool {
	var c struct {
		Intent *struct {
			Phase string `json:"phase"`
		} `json:"intent"`
	}
	s.ask(http.MethodGet, fmt.Sprintf("%sapi/v1/compartments/%d", s.staff, n), nil, &c)
	return c.Intent != nil && c.Intent.Phase == "asking"
}

// otherCode is a well-formed code that nobody has.
func otherCode(code string) string {
	for i := range 1_000_000_000 {
		if c := fmt.Sprintf("%09d", 123450000+i); c != code && locker.CheckCode(c) {
			return c
		}
	}
	panic("there is no other code")
}

// typo is the code with its last digit wrong.
func typo(code string) string {
	return code[:8] + string('0'+(code[8]-'0'+1)%10)
}
