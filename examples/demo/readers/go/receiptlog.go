package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"

	edgecmp "github.com/edgecmp/edgecmp/bindings/go"
)

const (
	kindRead         = 0
	kindSet          = 1
	kindUnknownWrite = 3

	outcomeOK       = 0
	outcomeDegraded = 1
	outcomeNotFound = 2
	outcomeError    = 3

	flagAbsent = 1
)

// record is one entry of the log, as tests/oracle/src/log.rs describes it.
type record struct {
	StartNs, EndNs, StalenessNs, Version, BoundNs, OutageBoundNs, MinVersion uint64
	Key, CRC                                                                 uint32
	Kind, Outcome, Source, Flags                                             uint8
	ErrorCode, Reader, Reserved                                              uint32
}

// answer fills in what a read returned.
func (r *record) answer(entry *edgecmp.Entry, err error) {
	if entry == nil {
		r.Outcome, r.ErrorCode = outcomeError, errorCode(err)
		return
	}
	r.StalenessNs = uint64(entry.Staleness)
	r.Version = entry.Version.Low
	r.Source = uint8(entry.Source)
	if entry.Found() {
		r.CRC = crc32.ChecksumIEEE(entry.Value)
	}
	switch {
	case entry.Degraded:
		r.Outcome = outcomeDegraded
		if !entry.Found() {
			r.Flags = flagAbsent
		}
	case !entry.Found():
		r.Outcome = outcomeNotFound
	}
}

func errorCode(err error) uint32 {
	var failure *edgecmp.Error
	if errors.As(err, &failure) {
		return uint32(failure.Code)
	}
	return 0
}

// receiptLog appends records to a file; safe for concurrent use.
type receiptLog struct {
	mutex  sync.Mutex
	file   *os.File
	writer *bufio.Writer
}

func createLog(path string) (*receiptLog, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	log := &receiptLog{file: file, writer: bufio.NewWriterSize(file, 1<<18)}
	header := append([]byte("EDGECMPLOG1\x00"), 0, 0, 0, 0)
	binary.LittleEndian.PutUint32(header[12:], uint32(binary.Size(record{})))
	_, err = log.writer.Write(header)
	return log, err
}

func (l *receiptLog) append(records ...record) {
	var buffer [16 * 80]byte
	encoded := buffer[:0]
	for i := range records {
		// The record has a fixed size: encoding it cannot fail.
		encoded, _ = binary.Append(encoded, binary.LittleEndian, &records[i])
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	// A failure stays in the writer and comes out of close.
	_, _ = l.writer.Write(encoded)
}

func (l *receiptLog) flush() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	_ = l.writer.Flush()
}

func (l *receiptLog) close() error {
	return errors.Join(l.writer.Flush(), l.file.Close())
}

// boottime is the clock of the origin's history, which package time does not
// read.
func boottime() uint64 {
	const clockBoottime = 7
	var now syscall.Timespec
	_, _, _ = syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockBoottime, uintptr(unsafe.Pointer(&now)), 0)
	return uint64(now.Sec)*uint64(time.Second) + uint64(now.Nsec)
}
