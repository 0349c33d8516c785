package config

import "time"

// Config is a valid configuration with every default filled in. The keys in
// the file are those in the toml tags; default, min, max, one and is are what
// the reader enforces (see decode.go and words.go).
type Config struct {
	Station      Station       `toml:"station"`
	Store        Store         `toml:"store"`
	Hardware     Hardware      `toml:"hardware"`
	Banks        []Bank        `toml:"bank"`
	Inputs       []Input       `toml:"input"`
	Grids        []Grid        `toml:"grid"` // as written; their compartments are in Compartments
	Compartments []Compartment `toml:"compartment"`
	Hold         Hold          `toml:"hold"`
	Kinds        []Kind        `toml:"kind"`
	Terminal     Terminal      `toml:"terminal"`
	Staff        Staff         `toml:"staff"`
	Monitor      Monitor       `toml:"monitor"`
}

// Station says which station this is and how it speaks.
type Station struct {
	ID        string `toml:"id" is:"name" required:"true"`   // in logs and reports, never changed later
	Name      string `toml:"name" is:"text" required:"true"` // on screens
	City      string `toml:"city" is:"text" required:"true"`
	HelpPhone string `toml:"help_phone" is:"phone" required:"true"`
	TimeZone  string `toml:"time_zone" is:"zone" default:"Europe/Berlin"`
	Language  string `toml:"language" one:"de|en" default:"de"` // of the screen at rest
	// Factor is what citizens enter beside the code: birthday as DDMM, the last
	// four digits of their phone number, or a PIN that the office agreed with them.
	Factor string `toml:"factor" one:"birthday|phone_digits|agreed_pin" default:"birthday"`
}

// Store says where the state is kept and how long.
type Store struct {
	Path    string `toml:"path" is:"path" default:"/var/lib/abholstation/station.db"`
	MaxSize Bytes  `toml:"max_size" min:"16MiB" max:"8GiB" default:"256MiB"`
	// KeyCredential names the systemd credential that holds the keys of the
	// tags; KeyFile is the weaker way where there is no systemd. At most one is set.
	KeyCredential  string `toml:"key_credential" is:"name"`
	KeyFile        string `toml:"key_file" is:"path"`
	EraseAfterDays int    `toml:"erase_after_days" min:"1" max:"365" default:"14"` // days after a delivery's end
}

// Hardware holds the electrical limits that the Governor keeps, and which
// locks without a hardware limit of their pulse are accepted.
type Hardware struct {
	Pulse    time.Duration `toml:"pulse" min:"100ms" max:"1s" default:"400ms"`
	Cooldown time.Duration `toml:"cooldown" min:"10s" max:"10m" default:"10s"` // 1 s in 10 s is the duty of 10 %
	Coils    int           `toml:"coils_at_once" min:"1" max:"4" default:"1"`
	Gap      time.Duration `toml:"gap" min:"50ms" max:"1s" default:"75ms"` // between two pulses
	Debounce time.Duration `toml:"debounce" min:"10ms" max:"200ms" default:"20ms"`
	// AcceptSoftwareOnly names the locks ("case", "case:3", "case:1-4") of which
	// only this program ends the pulse.
	AcceptSoftwareOnly []string `toml:"accept_software_only"`
}

// Bank is one lock board, or one group of directly wired locks.
type Bank struct {
	Name     string `toml:"name" is:"name" required:"true"`
	Driver   string `toml:"driver" one:"8a|cu16|waveshare|mcp23017|direct" required:"true"`
	Port     string `toml:"port" is:"device" required:"true"`                          // /dev/serial/by-id/…, /dev/i2c-1, /dev/gpiochip0
	Baud     int    `toml:"baud" one:"4800|9600|19200|38400|57600|115200"`             // serial boards; 0 in the file means the board's usual
	Board    int    `toml:"board" min:"0" max:"255"`                                   // address on the bus
	Channels int    `toml:"channels" min:"1" max:"32" required:"true"`                 // numbered from 1
	Feedback string `toml:"feedback" one:"door|latch|door+latch|none" required:"true"` // none is refused, with the reason
	Polarity string `toml:"polarity" one:"normal|inverted" default:"normal"`           // of the feedback contacts; normal: contact closed means door closed
	Presence bool   `toml:"presence"`                                                  // sensors that see whether something is inside
	Inverted string `toml:"presence_polarity" one:"normal|inverted" default:"normal"`  // normal: active means something is inside
	OneShot  bool   `toml:"one_shot"`                                                  // mcp23017, direct: a one-shot in the coil's circuit ends the pulse
	Coils    []int  `toml:"coil_lines" min:"0" max:"63"`                               // mcp23017, direct: one line per channel
	Doors    []int  `toml:"door_lines" min:"0" max:"63"`                               // with feedback door
	Latches  []int  `toml:"latch_lines" min:"0" max:"63"`                              // with feedback latch
	Items    []int  `toml:"presence_lines" min:"0" max:"63"`                           // with presence
}

// SoftwareOnly says whether only this program ends a pulse of this bank's
// locks: no timer of a board and no one-shot does.
func (b Bank) SoftwareOnly() bool { return wired(b.Driver) && !b.OneShot }

// Input is a contact of the case.
type Input struct {
	Name   string `toml:"name" one:"mains_fail|case_tamper|vibration|service_key" required:"true"`
	Port   string `toml:"port" is:"device" required:"true"`
	Line   int    `toml:"line" min:"0" max:"63" required:"true"`
	Active string `toml:"active" one:"low|high" default:"low"`
}

// Grid is a block of equal columns of compartments. Numbers run down each
// column, or along each row, from the top left.
type Grid struct {
	FirstNumber int       `toml:"first_number" min:"1" max:"999" default:"1"`
	FirstRow    int       `toml:"first_row" min:"1" max:"40" default:"1"`
	FirstColumn int       `toml:"first_column" min:"1" max:"80" default:"1"`
	Columns     int       `toml:"columns" min:"1" max:"80" required:"true"`
	Order       string    `toml:"order" one:"columns|rows" default:"columns"`
	Rows        []GridRow `toml:"rows" required:"true"`  // from the top
	Locks       []string  `toml:"locks" required:"true"` // in the order of the numbers: "left:1-16", "right:3"
}

// GridRow is what the compartments of one row of a Grid have in common.
type GridRow struct {
	Size     string `toml:"size" one:"S|M|L" required:"true"`
	HeightMM int    `toml:"height_mm" min:"0" max:"2500" required:"true"` // lower edge above the floor
}

// Compartment is one compartment, written by itself or made from a Grid.
type Compartment struct {
	Number   int    `toml:"number" min:"1" max:"999" required:"true"`
	Lock     Lock   `toml:"lock" required:"true"`
	Size     string `toml:"size" one:"S|M|L" required:"true"`
	HeightMM int    `toml:"height_mm" min:"0" max:"2500" required:"true"` // lower edge above the floor
	Row      int    `toml:"row" min:"1" max:"40" required:"true"`         // from the top, counted from 1
	Column   int    `toml:"column" min:"1" max:"80" required:"true"`      // from the left, counted from 1
	Latch    bool   `toml:"latch"`                                        // reports "locked"; not given: as the bank
	Presence bool   `toml:"presence"`                                     // reports whether something is inside; not given: as the bank
}

// Lock names one lock.
type Lock struct {
	Bank    string `toml:"bank" is:"name" required:"true"`
	Channel int    `toml:"channel" min:"1" max:"32" required:"true"`
}

// Hold is about hold periods.
type Hold struct {
	Days        int           `toml:"days" min:"1" max:"60" default:"10"`        // working days
	ReminderDay int           `toml:"reminder_day" min:"0" max:"59" default:"5"` // working day; 0: only on the last
	Grace       time.Duration `toml:"grace" min:"0s" max:"1h" default:"10m"`     // in which a clerk may still correct
	// ClosingDays are days on which the office is closed besides weekends and the
	// holidays of Aschaffenburg: "2026-12-24", "2026-12-28..2026-12-31".
	ClosingDays []Days `toml:"closing_days"`
}

// Kind changes a shipped document kind. What is not given stays as shipped.
type Kind struct {
	Name            string   `toml:"name" one:"passport|provisional_passport|identity_card|residence_permit|driving_licence|registration_papers|certificate|other" required:"true"`
	ExtraConditions []string `toml:"extra_conditions" is:"name"` // besides the shipped ones, which the law asks for
	Confirm         string   `toml:"confirm" is:"name"`          // key of the text that the citizen confirms before the door opens
	HoldDays        int      `toml:"hold_days" min:"1" max:"60"` // 0: not given
	OnlySelf        *bool    `toml:"only_self"`
	TwoPeople       *bool    `toml:"two_people"`
	HardEnd         *bool    `toml:"hard_end"` // the code ends with the hold period
}

// Terminal is the citizens' screen.
type Terminal struct {
	Listen   string        `toml:"listen" is:"loopback" default:"127.0.0.1:8081"`
	WidthPX  int           `toml:"width_px" min:"480" max:"7680" default:"1280"`
	HeightPX int           `toml:"height_px" min:"480" max:"7680" default:"800"`
	WidthMM  int           `toml:"width_mm" min:"100" max:"1500" default:"217"`
	HeightMM int           `toml:"height_mm" min:"60" max:"1500" default:"136"`
	Idle     time.Duration `toml:"idle" min:"30s" max:"10m" default:"60s"`   // until "are you still there?"
	Dialog   time.Duration `toml:"dialog" min:"20s" max:"5m" default:"20s"`  // for the answer (WCAG 2.2.1: at least 20 s)
	ClearIn  time.Duration `toml:"clear_in" min:"3s" max:"1m" default:"10s"` // after the door was closed
}

// Staff is the office's page. Beyond this machine it needs TLS and hosts.
type Staff struct {
	Listen  string   `toml:"listen" is:"listen" default:"127.0.0.1:8082"`
	TLSCert string   `toml:"tls_cert" is:"path"`
	TLSKey  string   `toml:"tls_key" is:"path"`
	Hosts   []string `toml:"allowed_hosts" is:"host"` // names under which browsers reach it
}

// Monitor serves health and figures, which hold no personal data.
type Monitor struct {
	Listen string   `toml:"listen" is:"listen" default:"127.0.0.1:8083"`
	Hosts  []string `toml:"allowed_hosts" is:"host"`
}

// Bytes is a number of bytes, written "256MiB".
type Bytes int64

// Days are some days in a row, both ends included.
type Days struct{ From, To time.Time } // at 00:00 UTC, which stands for the whole day

// String returns "2026-12-24" or "2026-12-24..2026-12-31".
func (d Days) String() string {
	if d.From.Equal(d.To) {
		return d.From.Format(time.DateOnly)
	}
	return d.From.Format(time.DateOnly) + ".." + d.To.Format(time.DateOnly)
}

func wired(driver string) bool { return driver == "mcp23017" || driver == "direct" }
