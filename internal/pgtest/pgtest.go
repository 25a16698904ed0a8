//go:build unix

// Package pgtest starts a real PostgreSQL server for a test: one of its own,
// in a folder of its own, on a free port of the loopback interface. Only tests
// import it.
package pgtest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/trotline/trotline/internal/rig"
)

// Password is the password of the server's only user. It is there so that
// tests can look for it where no password may be.
const Password = "pgtest-p4ssw0rd"

const (
	superuser    = "trotline"
	startTimeout = time.Minute
)

// Start starts a server that lives as long as the test and returns how to
// reach an empty database on it.
func Start(t testing.TB) (dsn string) {
	t.Helper()
	return New(t).DSN()
}

// Server is a running PostgreSQL server.
type Server struct {
	bin, dir   string
	port       int
	credential *syscall.Credential // nil: our own user
	process    *exec.Cmd           // nil while stopped
	databases  atomic.Int64
}

// New starts a server that lives as long as the test. It writes without fsync:
// what it confirmed survives its own crash, not one of the machine.
// Where PostgreSQL is not installed the test is skipped, unless CI=true.
func New(t testing.TB) *Server {
	t.Helper()
	bin := binaries()
	if bin == "" {
		const missing = "PostgreSQL is not installed: no initdb in the PATH or in /usr/lib/postgresql/*/bin"
		if os.Getenv("CI") == "true" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	s := &Server{bin: bin, credential: unprivileged(t), port: freePort(t)}
	s.makeFolder(t)
	s.initdb(t)
	s.Start(t)
	t.Cleanup(func() { s.Stop(t) })
	return s
}

// DSN is how to reach the server's first database.
func (s *Server) DSN() string { return s.dsn("postgres") }

func (s *Server) dsn(database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(superuser, Password),
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)), Path: "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Database makes a new, empty database and returns how to reach it.
func (s *Server) Database(t testing.TB) (dsn string) {
	t.Helper()
	name := fmt.Sprintf("test_%d", s.databases.Add(1))
	s.exec(t, "CREATE DATABASE "+name)
	return s.dsn(name)
}

// Start starts the server again after [Server.Stop] and returns once it takes connections.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	if s.process != nil {
		return
	}
	cmd := s.command("postgres", "-D", s.data(),
		"-c", "listen_addresses=127.0.0.1", "-c", "port="+strconv.Itoa(s.port), "-c", "unix_socket_directories=",
		"-c", "fsync=off", "-c", "full_page_writes=off", "-c", "shared_buffers=16MB")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.process = cmd
	ready := make(chan bool, 1)
	log := &strings.Builder{}
	go watch(stderr, log, ready)
	select {
	case ok := <-ready:
		if !ok {
			s.Stop(t)
			t.Fatalf("PostgreSQL does not start:\n%s", log)
		}
	case <-time.After(startTimeout):
		s.Stop(t)
		t.Fatalf("PostgreSQL has not started after %v", startTimeout)
	}
}

// watch reads the server's log to its end, telling whether it says that it is
// ready. The log is written to text until then.
func watch(stderr io.Reader, text *strings.Builder, ready chan<- bool) {
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		text.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), "database system is ready to accept connections") {
			ready <- true
			_, _ = io.Copy(io.Discard, stderr)
			return
		}
	}
	ready <- false
}

// Stop ends the server as a crash would: connections break, and the next start
// recovers. It does nothing when the server does not run.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	if s.process == nil {
		return
	}
	// SIGQUIT is the server's immediate shutdown; SIGKILL would leave its children behind.
	if err := s.process.Process.Signal(syscall.SIGQUIT); err != nil {
		t.Logf("stopping PostgreSQL: %v", err)
	}
	_ = s.process.Wait() // it ends with an exit status by design
	s.process = nil
}

func (s *Server) exec(t testing.TB, statement string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	c, err := pgx.Connect(ctx, s.DSN())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(ctx) }()
	if _, err := c.Exec(ctx, statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) initdb(t testing.TB) {
	t.Helper()
	out, err := s.command("initdb", "-D", s.data(), "-U", superuser, "--pwfile", filepath.Join(s.dir, "password"),
		"--auth=scram-sha-256", "--no-locale", "-E", "UTF8", "--no-sync", "--no-instructions").CombinedOutput()
	if err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
}

func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.Dir = s.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.credential}
	return cmd
}

// makeFolder does not use t.TempDir, whose parent another user cannot enter.
func (s *Server) makeFolder(t testing.TB) {
	t.Helper()
	dir, err := os.MkdirTemp("", "pgtest")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s.dir = dir
	password := filepath.Join(dir, "password")
	if err := os.WriteFile(password, []byte(Password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s.credential == nil {
		return
	}
	for _, path := range []string{dir, password} {
		if err := os.Chown(path, int(s.credential.Uid), int(s.credential.Gid)); err != nil {
			t.Fatal(err)
		}
	}
}

// unprivileged is another user to run as when we are root, as whom PostgreSQL refuses to run.
func unprivileged(t testing.TB) *syscall.Credential {
	t.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
		if uidErr == nil && gidErr == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		}
	}
	t.Fatal("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")
	return nil
}

// binaries is the folder that holds initdb and postgres, "" if there is none.
func binaries() string {
	if path, err := exec.LookPath("initdb"); err == nil {
		if resolved, err := filepath.EvalSymlinks(path); err == nil {
			return filepath.Dir(resolved)
		}
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	slices.Sort(found)
	if len(found) == 0 {
		return ""
	}
	return filepath.Dir(found[len(found)-1])
}

func freePort(t testing.TB) int {
	t.Helper()
	return int(netip.MustParseAddrPort(rig.FreeAddr(t)).Port())
}
