package sqlite

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/event/eventtest"
)

// Several sinks and readers share a file.
func TestShared(t *testing.T) {
	db := newDatabase(t)
	var wg sync.WaitGroup
	for i := range 4 {
		s := db.open(Settings{Table: "shared", Create: true})
		for j := range 5 {
			wg.Go(func() { db.mustDeliver(s, fmt.Sprintf(`{"n": %d}`, i*5+j), fmt.Sprintf(`{"n": %d}`, 100+i*5+j)) })
		}
	}
	wg.Wait()
	db.want("40", "SELECT count(*) FROM shared")
}

// While another process holds the write lock, the deadline is kept and nothing is refused.
func TestLocked(t *testing.T) {
	db := newDatabase(t)
	s := db.open(Settings{Table: "orders", Create: true})
	db.mustDeliver(s, `{"n": 1}`)
	db.with(func(c *sql.DB) error {
		tx, err := c.Begin()
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }()
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		start := time.Now()
		for _, v := range s.Deliver(ctx, []*event.Delivery{eventtest.DeliveryJSON("2", `{"n": 2}`)}) {
			if v.Err == nil || event.IsPermanent(v.Err) {
				t.Errorf("ends with %v", v.Err)
			}
		}
		if waited := time.Since(start); waited > 5*time.Second {
			t.Errorf("waited %v", waited)
		}
		return nil
	})
	db.mustDeliver(s, `{"n": 2}`)
}

// What is delivered after the file was moved away or deleted is in the new file.
func TestFileReplaced(t *testing.T) {
	db := newDatabase(t)
	s := db.open(Settings{Table: "orders", Create: true})
	db.mustDeliver(s, `{"n": 1}`)
	if err := os.Rename(db.path, db.path+".old"); err != nil {
		t.Fatal(err)
	}
	db.mustDeliver(s, `{"n": 2}`)
	db.want("2", "SELECT group_concat(n, ' ') FROM orders")
}

func TestDurable(t *testing.T) {
	db := newDatabase(t)
	s := db.open(Settings{Table: "orders", Create: true})
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2"} {
		err := s.file.use(t.Context(), func(c *sql.DB) error {
			var got string
			if err := c.QueryRow("PRAGMA " + pragma).Scan(&got); err != nil {
				return err
			}
			if got != want {
				t.Errorf("%s is %s, want %s", pragma, got, want)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A process killed at any moment has lost nothing of what it said was delivered.
func TestKilled(t *testing.T) {
	db := newDatabase(t)
	const confirmed = 30
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), killedEnv+"="+db.path)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	last := -1
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if last, err = strconv.Atoi(lines.Text()); err != nil {
			t.Fatalf("the child says %q", lines.Text())
		}
		if last == confirmed {
			_ = child.Process.Kill()
		}
	}
	_ = child.Wait() // killed by us
	if last < confirmed {
		t.Fatalf("the child ended by itself after %d", last)
	}
	db.want(strconv.Itoa(last+1), fmt.Sprintf("SELECT count(*) FROM orders WHERE n <= %d", last))
	db.want("ok", "PRAGMA integrity_check")
}

func writeUntilKilled(path string) {
	s, err := open(&Settings{Path: event.Path(path), Table: "orders", Create: true}, event.SinkOptions{})
	for n := 0; err == nil; n++ {
		if err = s.Deliver(context.Background(), []*event.Delivery{eventtest.Numbered(n)})[0].Err; err == nil {
			fmt.Println(n)
		}
	}
	fmt.Println(err)
}
