package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// fortress is an engine under attack. Beside the attackers an honest sender
// posts on a connection of its own, and must never be turned away.
type fortress struct {
	*engine
	roots *x509.CertPool // nil: without TLS
	good  int            // events the honest sender had accepted
}

// newFortress starts an engine whose patience is short.
func newFortress(t *testing.T, secure bool, pipelines string) *fortress {
	t.Helper()
	f := &fortress{engine: newEngine(t, pipelines)}
	settings := "  limits: {header_timeout: 1s, read_timeout: 2s, write_timeout: 4s, idle_timeout: 2s}\n"
	if secure {
		var certFile, keyFile string
		certFile, keyFile, f.roots = loopbackCertificate(t)
		settings += fmt.Sprintf("  tls: {cert_file: %q, key_file: %q}\n", certFile, keyFile)
	}
	f.serve(settings)
	f.start()
	return f
}

// dial opens a connection, over TLS where the engine wants it.
func (f *fortress) dial(protos ...string) net.Conn {
	f.t.Helper()
	conn, err := net.DialTimeout("tcp", f.door, 5*time.Second)
	if err == nil && f.roots != nil {
		secured := tls.Client(conn, &tls.Config{RootCAs: f.roots, ServerName: "127.0.0.1", NextProtos: protos})
		err, conn = secured.Handshake(), secured
	}
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		f.t.Fatal(err)
	}
	return conn
}

// while runs an attack, and checks that the engine withstands it.
func (f *fortress) while(attack func()) {
	f.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan []string, 1)
	go func() { done <- f.sendHonestly(ctx) }()
	attack()
	cancel()
	if failures := <-done; len(failures) > 0 {
		f.t.Errorf("meanwhile the honest sender was turned away %d times of %d: %v", len(failures), f.good+len(failures), failures[:min(5, len(failures))])
	}
	if err := f.postOne(f.client(), "afterwards"); err != nil {
		f.t.Errorf("afterwards: %v", err)
	}
	f.good++
	if peak := f.peak(); peak > maxMemory {
		f.t.Errorf("it took up %d MiB", peak>>20)
	} else {
		f.t.Logf("it took up %d MiB; the honest sender had %d events accepted", peak>>20, f.good)
	}
}

func (f *fortress) client() *http.Client {
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: f.roots}, ForceAttemptHTTP2: true}
	f.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 10 * time.Second}
}

// sendHonestly posts one event after the other, at least one.
func (f *fortress) sendHonestly(ctx context.Context) (failures []string) {
	client := f.client()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for n := 0; n == 0 || ctx.Err() == nil; n++ {
		if err := f.postOne(client, strconv.Itoa(n)); err != nil {
			failures = append(failures, err.Error())
		} else {
			f.good++
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	return failures
}

func (f *fortress) postOne(client *http.Client, id string) error {
	body := fmt.Appendf(nil, `{"id":"good-%s-%d"}`, id, time.Now().UnixNano())
	scheme := "http"
	if f.roots != nil {
		scheme = "https"
	}
	q, err := http.NewRequest(http.MethodPost, scheme+"://"+f.door+"/hooks/shop", bytes.NewReader(body))
	if err != nil {
		return err
	}
	q.Header.Set(header, sign(body))
	q.Header.Set("Content-Type", "application/json")
	answer, err := client.Do(q)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	if answer.StatusCode != http.StatusAccepted {
		return fmt.Errorf("%s %s", answer.Status, text)
	}
	return nil
}

// onlyGood checks that nothing but the honest sender's events was stored.
func (f *fortress) onlyGood() {
	f.t.Helper()
	if n := f.metric("trotline_accepted_total"); n != float64(f.good) {
		f.t.Errorf("%v events are accepted, and %d were honest", n, f.good)
	}
	if log := f.log(); strings.Contains(log, secret) || strings.Contains(log, "panic") {
		f.t.Errorf("the log holds what it should not:\n%s", f.lastLines(20))
	}
}
