package edgecmp_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	edgecmp "github.com/edgecmp/edgecmp/bindings/go"
)

// background is for calls whose deadline is the cache's own.
var background = context.Background()

// open opens a cache that the test closes at its end, and shows that it can be.
func open(t *testing.T, options edgecmp.Options) *edgecmp.Cache {
	t.Helper()
	cache, err := edgecmp.Open(background, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cache.Close(background); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return cache
}

// countingOrigin is a tiny origin with one version per key and a gate: while
// it is held shut, requests wait.
type countingOrigin struct {
	*httptest.Server
	requests atomic.Int64
	writes   atomic.Int64  // of the requests
	gate     chan struct{} // closed: open
	opened   sync.Once
}

func newCountingOrigin(t *testing.T) *countingOrigin {
	o := &countingOrigin{gate: make(chan struct{})}
	o.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.requests.Add(1)
		if r.Method == http.MethodPut {
			o.writes.Add(1)
		}
		if r.Method == http.MethodPost { // no compare
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		select {
		case <-o.gate:
		case <-r.Context().Done():
			panic(http.ErrAbortHandler) // to return would be to answer 200
		}
		w.Header().Set("Edge-Version", "7")
		fmt.Fprintf(w, "value of %s", strings.TrimPrefix(r.URL.Path, "/items/"))
	}))
	t.Cleanup(func() {
		o.release()
		o.Server.Close()
	})
	return o
}

func (o *countingOrigin) release() { o.opened.Do(func() { close(o.gate) }) }

func (o *countingOrigin) template() string { return o.URL + "/items/{key}" }

// referenceOrigin is the real origin service of examples/origin, in a process
// of its own, with fault injection.
type referenceOrigin struct{ url string }

func newReferenceOrigin(t *testing.T) *referenceOrigin {
	t.Helper()
	program := os.Getenv("EDGECMP_ORIGIN_BIN")
	if program == "" {
		t.Fatal("EDGECMP_ORIGIN_BIN does not name the reference origin: run `make test`")
	}
	portFile := filepath.Join(t.TempDir(), "port")
	process := exec.Command(program, "--listen", "127.0.0.1:0", "--db", ":memory:", "--port-file", portFile, "--faults")
	process.Stderr = os.Stderr
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = process.Process.Signal(syscall.SIGTERM)
		_ = process.Wait()
	})
	deadline := time.Now().Add(20 * time.Second)
	for time.Now().Before(deadline) {
		if port, err := os.ReadFile(portFile); err == nil {
			return &referenceOrigin{url: "http://127.0.0.1:" + strings.TrimSpace(string(port))}
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("the reference origin did not start within 20 s")
	return nil
}

func (o *referenceOrigin) template() string { return o.url + "/items/{key}" }

// fault sets what goes wrong next, as examples/origin/README.md describes it.
func (o *referenceOrigin) fault(t *testing.T, fault string) {
	t.Helper()
	answer, err := http.Post(o.url+"/faults", "application/json", strings.NewReader(fault))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		text, _ := io.ReadAll(answer.Body)
		t.Fatalf("fault %s: %s %s", fault, answer.Status, text)
	}
}

// put writes beside the cache, as another node would.
func (o *referenceOrigin) put(t *testing.T, key, value string) {
	t.Helper()
	request, err := http.NewRequest(http.MethodPut, o.url+"/items/"+key, bytes.NewReader([]byte(value)))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		t.Fatalf("put %s: %s", key, answer.Status)
	}
}

// eventually waits for what happens soon after the call that causes it.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("not within 5 s: %s", what)
}
