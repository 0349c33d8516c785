package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"abholstation/firmware/staff"
	"abholstation/hal/sim"
	"abholstation/locker"
)

// installation is the simulated station with everything around it: what stays
// when the controller's plug is pulled.
type installation struct {
	set     settings
	demo    *demo
	secrets secrets
	rules   *locker.Rules
	clock   *sim.RealClock
	world   *sim.World
	log     *slog.Logger
	lock    *os.File
	token   string
	full    atomic.Bool // the disk

	mu     sync.Mutex // one change of lives at a time
	life   atomic.Pointer[life]
	last   atomic.Pointer[logbook] // of the present life or the one before: phones and auditors stay
	why    atomic.Pointer[string]  // why there is none
	before sync.WaitGroup          // lives that end

	hands hands
	shots shots
	servers

	ctx    context.Context // ends when the installation is shut
	cancel context.CancelFunc
}

// servers are the three listeners.
type servers struct {
	addr [3]string // host:port of cabinet, terminal, staff
	http [3]*http.Server
}

// install makes the cabinet as it stood when it was left. Nothing runs yet.
func install(s settings) (*installation, error) {
	lock, err := lockDir(s.state)
	if err != nil {
		return nil, err
	}
	in := &installation{set: s, lock: lock, clock: sim.NewRealClock(), log: newLog(s.logTo)}
	in.clock.SetSynced(false) // so that a clock that is set wrong shows what it does
	in.ctx, in.cancel = context.WithCancel(context.Background())
	ok := false
	defer func() {
		if !ok {
			in.close()
		}
	}()
	if in.demo, err = readDemo(s.state, s.compartments); err != nil {
		return nil, err
	}
	if in.secrets, err = in.demo.secrets(s.cost); err != nil {
		return nil, err
	}
	places, boxes := layout(in.demo.Compartments)
	if in.rules, err = rules(places, s.grace); err != nil {
		return nil, err
	}
	// The compartments and the clock are as they were left, so the time goes first.
	left, err := readLeft(in.leftPath())
	if err != nil {
		return nil, err
	}
	in.hands.restoreClock(in.clock, left)
	in.world, err = sim.New(sim.Options{Seed: s.seed, Clock: in.clock, Compartments: boxes, BoardTimed: true})
	if err != nil {
		return nil, err
	}
	in.hands.restore(in.world, left)
	ok = true
	return in, nil
}

func (in *installation) leftPath() string { return filepath.Join(in.set.state, "world.json") }

// close frees the directory for others.
func (in *installation) close() {
	if in.lock != nil {
		in.lock.Close()
		in.lock = nil
	}
}

// begin listens, switches the controller on and, the first time, commissions
// the cabinet.
func (in *installation) begin(ctx context.Context) (err error) {
	defer func() {
		if err != nil {
			in.shut()
		}
	}()
	if err := in.listen(); err != nil {
		return err
	}
	var l *life
	if l, err = in.on(ctx); err != nil {
		return err
	}
	if !in.demo.Commissioned {
		if err := l.commission(ctx); err != nil {
			return err
		}
		in.demo.Commissioned = true
		if err := in.demo.save(in.set.state); err != nil {
			return err
		}
	}
	if err := l.accounts(ctx, in.demo.Password); err != nil {
		return err
	}
	if in.token, err = l.staff.AddToken(ctx, "stationsim", staff.Supervisor); err != nil {
		return fmt.Errorf("cannot make the staff token: %w", err)
	}
	go in.keepWorld(in.ctx)
	return nil
}

// greet says where everything is.
func (in *installation) greet(w io.Writer) {
	if l := in.life.Load(); l != nil && l.opening.Damaged {
		fmt.Fprintf(w, "the store was damaged and has been replaced (%s); an inventory round is due\n", l.opening.Why)
	}
	fmt.Fprintf(w, "%d compartments; a clerk may correct for %s after loading (a real station waits 10m)\n", in.demo.Compartments, in.set.grace)
	for i, name := range []string{"cabinet", "terminal", "staff"} {
		note := ""
		if p := in.set.ports[i]; p != 0 && in.addr[i] != "127.0.0.1:"+strconv.Itoa(p) {
			note = fmt.Sprintf("   (port %d is busy)", p)
		}
		fmt.Fprintf(w, "%-10s http://%s/%s\n", name, in.addr[i], note)
	}
	fmt.Fprintf(w, "%-10s user demo, password %s (second person: demo2, the same password)\n", "sign-in", in.demo.Password)
	fmt.Fprintf(w, "staff token %s\n", in.token)
	fmt.Fprintln(w, "ready")
}

// listen opens the three ports, with what is there to be served already.
func (in *installation) listen() error {
	handlers := [3]http.Handler{in.cabinetPage(), in.controlled(func(l *life) http.Handler { return l.terminal }), in.controlled(func(l *life) http.Handler { return l.office })}
	for i, h := range handlers {
		ln, err := listenNear(in.set.ports[i])
		if err != nil {
			return err
		}
		in.addr[i] = ln.Addr().String()
		in.http[i] = &http.Server{
			Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second,
			WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
			ErrorLog: slog.NewLogLogger(in.log.Handler(), slog.LevelWarn),
		}
		go func() {
			if err := in.http[i].Serve(ln); !errors.Is(err, http.ErrServerClosed) {
				in.log.Error("a listener ended", "err", err)
			}
		}()
	}
	return nil
}

// listenNear listens on a port of the loopback, or on any free one if it is
// busy.
func listenNear(port int) (net.Listener, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
	if errors.Is(err, syscall.EADDRINUSE) {
		ln, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		return nil, fmt.Errorf("cannot listen: %w", err)
	}
	return ln, nil
}

// controlled serves what the present controller serves.
func (in *installation) controlled(h func(*life) http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if l := in.life.Load(); l != nil {
			l.serve(h(l), w, r)
			return
		}
		off(w, r)
	})
}

// errOn and errOff: the controller is not in the state for what was asked.
var (
	errOn  = errors.New("the controller is on already")
	errOff = errors.New("the controller is off: start it first")
)

// on switches the controller on.
func (in *installation) on(ctx context.Context) (*life, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.life.Load() != nil {
		return nil, errOn
	}
	l, err := in.power(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot start the controller: %w", err)
	}
	in.why.Store(nil)
	in.last.Store(l.log)
	in.life.Store(l)
	in.before.Go(func() { in.watchOver(l) })
	return l, nil
}

// watchOver notices a Station that could not go on by itself.
func (in *installation) watchOver(l *life) {
	<-l.ended
	if in.life.CompareAndSwap(l, nil) {
		why := "it ended by itself"
		if l.err != nil {
			why = l.err.Error()
		}
		in.why.Store(&why)
		l.die()
	}
}

// kill takes the power away: from everything, or from the controller alone.
func (in *installation) kill(everything bool) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	l := in.life.Swap(nil)
	if l == nil {
		return errOff
	}
	// First the hands, then the memory: a commit without its pulse is what a real
	// power cut leaves, too.
	if everything {
		in.world.PowerCut()
	} else {
		in.world.ControllerDied()
	}
	l.die()
	return nil
}

// off ends the controller in order.
func (in *installation) off() error {
	in.mu.Lock()
	defer in.mu.Unlock()
	l := in.life.Swap(nil)
	if l == nil {
		return errOff
	}
	return l.stop()
}

// end ends everything in order.
func (in *installation) end() error {
	err := in.off()
	if errors.Is(err, errOff) {
		err = nil
	}
	in.before.Wait() // killed controllers, too, have gone by then
	in.shut()
	return errors.Join(err, in.saveWorld())
}

// shut closes the listeners.
func (in *installation) shut() {
	in.cancel()
	if l := in.life.Swap(nil); l != nil {
		l.die()
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	for _, s := range in.http {
		if s != nil && s.Shutdown(ctx) != nil {
			s.Close()
		}
	}
}
