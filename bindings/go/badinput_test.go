package edgecmp_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	edgecmp "github.com/edgecmp/edgecmp/bindings/go"
)

// Options that Open refuses: the error has the code, and names what is wrong.
func TestBadOptions(t *testing.T) {
	for name, test := range map[string]struct {
		options edgecmp.Options
		code    edgecmp.Code
		says    string
	}{
		"unknown option": {edgecmp.Options{ByName: map[string]string{"stalenes_bound": "1s"}}, edgecmp.ErrUnknownOption, "staleness_bound"},
		"bad duration":   {edgecmp.Options{ByName: map[string]string{"staleness_bound": "soon"}}, edgecmp.ErrInvalidArgument, "soon"},
		"bound 0":        {edgecmp.Options{ByName: map[string]string{"staleness_bound": "0s"}}, edgecmp.ErrInvalidArgument, "1ms"},
		"tiny bound":     {edgecmp.Options{StalenessBound: time.Microsecond}, edgecmp.ErrInvalidArgument, "staleness_bound"},
		"negative bound": {edgecmp.Options{StalenessBound: -time.Second}, edgecmp.ErrInvalidArgument, "staleness_bound"},
		"negative size":  {edgecmp.Options{Capacity: -5}, edgecmp.ErrInvalidArgument, "capacity"},
		"disabled size":  {edgecmp.Options{Capacity: edgecmp.Disabled}, edgecmp.ErrInvalidArgument, "capacity"},
		"wrong type":     {edgecmp.Options{ByName: map[string]string{"capacity": "true"}}, edgecmp.ErrInvalidArgument, "capacity"},
		"NUL in a text":  {edgecmp.Options{Origin: "http://a\x00b/{key}"}, edgecmp.ErrInvalidArgument, "origin"},
		"no UTF-8":       {edgecmp.Options{LeaseStore: "\xff"}, edgecmp.ErrInvalidArgument, "UTF-8"},
		"comma in a prefix": {edgecmp.Options{PrefixBounds: map[string]time.Duration{"a,b": time.Second}},
			edgecmp.ErrInvalidArgument, "prefix_bounds"},
		"refresh past bound": {edgecmp.Options{RefreshAfter: time.Hour}, edgecmp.ErrInvalidArgument, "refresh_after"},
		"no origin":          {edgecmp.Options{}, edgecmp.ErrInvalidArgument, "origin"},
		"origin is no URL":   {edgecmp.Options{Origin: "not a url"}, edgecmp.ErrInvalidArgument, "not a url"},
		"origin without key": {edgecmp.Options{Origin: "http://127.0.0.1/items"}, edgecmp.ErrInvalidArgument, "{key}"},
		"two origins":        {edgecmp.Options{Origin: "memory:", Loader: newStore()}, edgecmp.ErrInvalidArgument, "Loader"},
	} {
		t.Run(name, func(t *testing.T) {
			if test.options.Origin == "" && test.options.Loader == nil && name != "no origin" {
				test.options.Origin = "memory:"
			}
			cache, err := edgecmp.Open(background, test.options)
			if cache != nil {
				defer cache.Close(background)
			}
			if !errors.Is(err, test.code) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("want %v with %q, got %v", test.code, test.says, err)
			}
		})
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	for _, options := range []edgecmp.Options{
		{Origin: "memory:", OriginBearerToken: "hunter2\n"},
		{Origin: "memory:", LeaseStorePassword: "hunter2\x00"},
		{Origin: "memory:", LeaseStore: "redis://user:hunter2@host\n"},
		{Origin: "memory:", LeaseStore: "redis://user:hunter2@host\x00"},
		{Origin: "memory:", LeaseStore: "redis://host/0?password=hunter2"},
		{Origin: "http://user:hunter2@host/{key}", Loader: newStore()},
	} {
		_, err := edgecmp.Open(background, options)
		if !errors.Is(err, edgecmp.ErrInvalidArgument) || strings.Contains(err.Error(), "hunter2") {
			t.Error(err)
		}
	}
}

func TestBadArguments(t *testing.T) {
	cache := open(t, edgecmp.Options{Origin: "memory:", MaxKeyBytes: 100, MaxValueBytes: 1000})
	get := func(key string, opts ...edgecmp.ReadOption) func() error {
		return func() error { _, err := cache.Get(background, key, opts...); return err }
	}
	set := func(key string, size int, opts ...edgecmp.WriteOption) func() error {
		return func() error { _, err := cache.Set(background, key, make([]byte, size), opts...); return err }
	}
	for name, call := range map[string]func() error{
		"get: empty key":           get(""),
		"get: long key":            get(strings.Repeat("k", 101)),
		"get: bound 0":             get("k", edgecmp.WithStalenessBound(0)),
		"get: negative bound":      get("k", edgecmp.WithStalenessBound(-1)),
		"get: negative outage":     get("k", edgecmp.WithOutageBound(-time.Second)),
		"get: timeout 0":           get("k", edgecmp.WithTimeout(0)),
		"get: negative timeout":    get("k", edgecmp.WithTimeout(-time.Second)),
		"get: bad traceparent":     get("k", edgecmp.WithTraceparent("00-zz")),
		"get: NUL in traceparent":  get("k", edgecmp.WithTraceparent("00\x00")),
		"lookup: empty key":        func() error { _, err := cache.Lookup(""); return err },
		"view: empty key":          func() error { return cache.View("", nil) },
		"invalidate: empty key":    func() error { return cache.Invalidate("") },
		"set: empty key":           set("", 1),
		"set: long key":            set(strings.Repeat("k", 101), 1),
		"set: large value":         set("k", 1001),
		"set: timeout 0":           set("k", 1, edgecmp.WithTimeout(0)),
		"set: NUL in key of retry": set("k", 1, edgecmp.WithIdempotencyKey("a\x00b")),
		"delete: empty key":        func() error { _, err := cache.Delete(background, ""); return err },
	} {
		t.Run(name, func(t *testing.T) {
			if err := call(); !errors.Is(err, edgecmp.ErrInvalidArgument) {
				t.Errorf("want INVALID_ARGUMENT, got %v", err)
			}
		})
	}
	// Keys and values are bytes, not text: these are as good as any.
	for _, key := range []string{"\x00", "\xff\xfe", "a b/c%?#", strings.Repeat("k", 100)} {
		if err := set(key, 1000)(); err != nil {
			t.Errorf("set %q: %v", key, err)
		}
		if entry, err := cache.Get(background, key); err != nil || len(entry.Value) != 1000 {
			t.Errorf("get %q: %v", key, err)
		}
	}
	// A deadline in the call's own context is part of the arguments too.
	ctx, cancel := context.WithDeadline(background, time.Now().Add(-time.Second))
	defer cancel()
	if _, err := cache.Get(ctx, "k"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a deadline in the past: %v", err)
	}
}

// Origins that break the protocol: an error in time, and no value.
func TestOriginsThatAnswerBadly(t *testing.T) {
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		codes  []edgecmp.Code
	}{
		"10 GB": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "10737418240")
			w.Header().Set("Edge-Version", "1")
			_, _ = w.Write([]byte("x"))
		}, []edgecmp.Code{edgecmp.ErrOriginProtocol}},
		"a version that is none": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Edge-Version", "-1")
		}, []edgecmp.Code{edgecmp.ErrOriginProtocol}},
		"304 to a first request": {func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusNotModified)
		}, []edgecmp.Code{edgecmp.ErrOriginProtocol}},
		"403": {func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusForbidden)
		}, []edgecmp.Code{edgecmp.ErrOriginRejected}},
		"500": {func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
		}, []edgecmp.Code{edgecmp.ErrOriginUnavailable}},
		"a body cut short": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte("half"))
			panic(http.ErrAbortHandler)
		}, []edgecmp.Code{edgecmp.ErrOriginUnavailable, edgecmp.ErrOriginProtocol}},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(test.answer)
			defer server.Close()
			expectFailure(t, server.URL, test.codes...)
		})
	}
}

// Origins below HTTP: noise, silence, and a byte now and then (slow loris).
func TestOriginsThatAreNoHTTP(t *testing.T) {
	for name, test := range map[string]struct {
		talk  func(net.Conn)
		codes []edgecmp.Code
	}{
		"noise": {func(c net.Conn) { fmt.Fprint(c, "\x00\xffSSH-2.0 what?\r\n\r\n") },
			[]edgecmp.Code{edgecmp.ErrOriginProtocol, edgecmp.ErrOriginUnavailable}},
		"hangs up": {func(net.Conn) {}, []edgecmp.Code{edgecmp.ErrOriginUnavailable}},
		"silence": {func(c net.Conn) { _, _ = c.Read(make([]byte, 1<<20)); time.Sleep(3 * time.Second) },
			[]edgecmp.Code{edgecmp.ErrDeadlineExceeded, edgecmp.ErrOriginUnavailable}},
		"slow loris": {func(c net.Conn) {
			for _, b := range []byte("HTTP/1.1 200 OK\r\nEdge-Version: 1\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("x", 1000)) {
				if _, err := c.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
		}, []edgecmp.Code{edgecmp.ErrDeadlineExceeded, edgecmp.ErrOriginUnavailable}},
	} {
		t.Run(name, func(t *testing.T) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			go func() {
				for {
					conn, err := listener.Accept()
					if err != nil {
						return
					}
					go func() { defer conn.Close(); test.talk(conn) }()
				}
			}()
			expectFailure(t, "http://"+listener.Addr().String(), test.codes...)
		})
	}
}

// expectFailure reads from an origin that fails, with a deadline of 500 ms.
func expectFailure(t *testing.T, url string, codes ...edgecmp.Code) {
	t.Helper()
	cache := open(t, edgecmp.Options{Origin: url + "/items/{key}", ReadTimeout: 500 * time.Millisecond,
		OriginTimeout: 300 * time.Millisecond})
	start := time.Now()
	entry, err := cache.Get(background, "k")
	if took := time.Since(start); took > 1500*time.Millisecond {
		t.Errorf("it took %v", took)
	}
	for _, code := range codes {
		if errors.Is(err, code) && entry == nil {
			return
		}
	}
	t.Errorf("want one of %v, got %+v, %v", codes, entry, err)
}
