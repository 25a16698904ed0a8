package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// arrivals are the deliveries of one run, by index.
type arrivals struct {
	First   []int64 `json:"first"` // when each arrived first, Unix nanoseconds; 0: never
	Count   int     `json:"count"` // how many different events have arrived
	Doubles int     `json:"doubles"`
	Last    int64   `json:"last"` // when the last one came
}

func (a *arrivals) add(index int, at int64) {
	for len(a.First) <= index {
		a.First = append(a.First, 0)
	}
	if a.First[index] != 0 {
		a.Doubles++
		return
	}
	a.First[index], a.Last = at, at
	a.Count++
}

// receiver counts deliveries by the event's id. It keeps no keys: what arrives
// twice is counted twice.
type receiver struct {
	mu   sync.Mutex
	runs map[int]*arrivals
}

// serveReceiver takes deliveries at one address and tells of them at another:
// GET /<run> is that run's arrivals, GET /<run>/count their number.
func serveReceiver(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("receiver", flag.ContinueOnError)
	addr := f.String("addr", "", "where deliveries arrive")
	control := f.String("control", "", "where the counts are asked for")
	if err := f.Parse(args); err != nil {
		return err
	}
	r := &receiver{runs: make(map[int]*arrivals)}
	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { listener.Close() })()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{run}", r.tell)
	mux.HandleFunc("GET /{run}/count", r.tellCount)
	server := &http.Server{Addr: *control, Handler: mux}
	defer context.AfterFunc(ctx, func() { server.Close() })()
	go func() { _ = server.ListenAndServe() }()
	for {
		conn, err := listener.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		go r.serve(conn)
	}
}

var noContent = []byte("HTTP/1.1 204 No Content\r\n\r\n")

// serve answers every request of a connection with as little work as possible:
// the receiver shares the cores with what is measured.
func (r *receiver) serve(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReaderSize(conn, 16<<10)
	for {
		id, err := readRequest(in)
		if err != nil {
			return
		}
		if run, index, ok := parseID(id); ok {
			r.add(run, index)
		}
		if _, err := conn.Write(noContent); err != nil {
			return
		}
	}
}

var (
	idField     = []byte("trotline-event-id:")
	lengthStart = []byte("content-length:")
)

// readRequest reads one request and returns the event's id.
func readRequest(in *bufio.Reader) (id string, err error) {
	length := -1
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return "", err
		}
		line = bytes.TrimRight(line, "\r\n")
		switch {
		case len(line) == 0 && length < 0:
			return "", fmt.Errorf("a delivery without Content-Length")
		case len(line) == 0:
			_, err := in.Discard(length)
			return id, err
		case hasField(line, idField):
			id = string(bytes.TrimSpace(line[len(idField):]))
		case hasField(line, lengthStart):
			if length, err = strconv.Atoi(string(bytes.TrimSpace(line[len(lengthStart):]))); err != nil {
				return "", err
			}
		}
	}
}

func hasField(line, name []byte) bool {
	return len(line) >= len(name) && bytes.EqualFold(line[:len(name)], name)
}

func (r *receiver) add(run, index int) {
	now := time.Now().UnixNano()
	r.mu.Lock()
	defer r.mu.Unlock()
	a := r.runs[run]
	if a == nil {
		a = &arrivals{}
		r.runs[run] = a
	}
	a.add(index, now)
}

func (r *receiver) tell(w http.ResponseWriter, q *http.Request) {
	run, _ := strconv.Atoi(q.PathValue("run"))
	r.mu.Lock()
	defer r.mu.Unlock()
	a := r.runs[run]
	if a == nil {
		a = &arrivals{}
	}
	_ = json.NewEncoder(w).Encode(a)
}

func (r *receiver) tellCount(w http.ResponseWriter, q *http.Request) {
	run, _ := strconv.Atoi(q.PathValue("run"))
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	if a := r.runs[run]; a != nil {
		n = a.Count
	}
	_, _ = io.WriteString(w, strconv.Itoa(n))
}
