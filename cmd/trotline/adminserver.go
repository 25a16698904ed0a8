package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/trotline/trotline/admin"
	"github.com/trotline/trotline/engine"
	"github.com/trotline/trotline/engine/config"
)

// adminStop is how long an answer of the API may take once the engine has stopped.
const adminStop = 2 * time.Second

// adminServer serves the API beside a running engine.
type adminServer struct {
	server   *http.Server
	endTails context.CancelFunc // ends the answers that have no end
	served   chan error
}

func serveAdmin(e *engine.Engine, conf *config.Config, l net.Listener, log *slog.Logger) *adminServer {
	base, cancel := context.WithCancel(context.Background())
	handler := admin.New(e, admin.Options{
		Token: conf.Server.Admin.Token, Version: readBuild().Version, Listen: l.Addr().String(), Log: log,
	})
	s := &adminServer{
		endTails: cancel,
		served:   make(chan error, 1),
		server: &http.Server{
			Handler:           handler,
			BaseContext:       func(net.Listener) context.Context { return base },
			ReadHeaderTimeout: 10 * time.Second,
			ReadTimeout:       30 * time.Second,
			WriteTimeout:      60 * time.Second,
			IdleTimeout:       120 * time.Second,
			MaxHeaderBytes:    64 << 10,
			ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		},
	}
	go func() {
		err := s.server.Serve(l)
		if errors.Is(err, http.ErrServerClosed) {
			err = nil
		}
		s.served <- err
	}()
	return s
}

// close lets short answers end and returns when nothing of the server runs.
func (s *adminServer) close() error {
	s.endTails()
	ctx, cancel := context.WithTimeout(context.Background(), adminStop)
	defer cancel()
	if s.server.Shutdown(ctx) != nil {
		_ = s.server.Close()
	}
	return <-s.served
}
