package main

import (
	"bufio"
	"encoding/binary"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
)

// A frame is the length of its payload and the number of its call, four bytes each and little-endian, and the payload.
const headLength = 8

const bufferLength = 64 * 1024

type frame struct {
	call    uint32
	payload []byte
}

// A child process that answers, and the calls that it has.
type childProcess struct {
	frames  chan frame
	mutex   sync.Mutex
	last    uint32
	waiting map[uint32]chan []byte
}

func startChild() (*childProcess, error) {
	ends, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err := syscall.SetNonblock(ends[0], true); err != nil {
		return nil, err
	}
	if err := syscall.SetNonblock(ends[1], true); err != nil {
		return nil, err
	}
	near, far := os.NewFile(uintptr(ends[0]), "socket"), os.NewFile(uintptr(ends[1]), "socket")
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	command := exec.Command(program, "-child")
	command.ExtraFiles = []*os.File{far}
	command.Stderr = os.Stderr
	if err := command.Start(); err != nil {
		return nil, err
	}
	far.Close()
	child := &childProcess{frames: make(chan frame, 1024), waiting: map[uint32]chan []byte{}}
	go child.write(near)
	go child.read(near)
	return child, nil
}

func (child *childProcess) answer(input []byte) ([]byte, error) {
	reply := make(chan []byte, 1)
	child.mutex.Lock()
	child.last++
	call := child.last
	child.waiting[call] = reply
	child.mutex.Unlock()
	child.frames <- frame{call, input}
	return <-reply, nil
}

// Writes what there is to write, and flushes when there is nothing more.
func (child *childProcess) write(socket io.Writer) {
	writer := bufio.NewWriterSize(socket, bufferLength)
	for next := range child.frames {
		fail(writeFrame(writer, next))
		if len(child.frames) == 0 {
			fail(writer.Flush())
		}
	}
}

func (child *childProcess) read(socket io.Reader) {
	reader := bufio.NewReaderSize(socket, bufferLength)
	for {
		next, err := readFrame(reader)
		fail(err)
		child.mutex.Lock()
		reply := child.waiting[next.call]
		delete(child.waiting, next.call)
		child.mutex.Unlock()
		reply <- next.payload
	}
}

// The child's side: gives every frame back, until the other end is closed.
func serveFrames(socket io.ReadWriter) error {
	reader, writer := bufio.NewReaderSize(socket, bufferLength), bufio.NewWriterSize(socket, bufferLength)
	for {
		next, err := readFrame(reader)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := writeFrame(writer, next); err != nil {
			return err
		}
		if reader.Buffered() == 0 {
			if err := writer.Flush(); err != nil {
				return err
			}
		}
	}
}

func readFrame(reader *bufio.Reader) (frame, error) {
	var head [headLength]byte
	if _, err := io.ReadFull(reader, head[:]); err != nil {
		return frame{}, err
	}
	payload := make([]byte, binary.LittleEndian.Uint32(head[:4]))
	_, err := io.ReadFull(reader, payload)
	return frame{binary.LittleEndian.Uint32(head[4:]), payload}, err
}

func writeFrame(writer *bufio.Writer, next frame) error {
	var head [headLength]byte
	binary.LittleEndian.PutUint32(head[:4], uint32(len(next.payload)))
	binary.LittleEndian.PutUint32(head[4:], next.call)
	if _, err := writer.Write(head[:]); err != nil {
		return err
	}
	_, err := writer.Write(next.payload)
	return err
}

// A hop that is broken is no peer any more.
func fail(err error) {
	if err != nil {
		panic(err)
	}
}
