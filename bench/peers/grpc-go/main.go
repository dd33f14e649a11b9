// An echo server of grpc-go, a peer of the benchmarks: dcf.v1.Functions/Invoke with the codecs reduced to what the two messages need. With
// -hop each input goes to a child process and back over a Unix socket, as the daemon's do.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"math"
	"net"
	"os"
	"os/signal"
	"syscall"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"
)

// What answers an input.
type answerer interface {
	answer(input []byte) ([]byte, error)
}

type inProcess struct{}

func (inProcess) answer(input []byte) ([]byte, error) { return input, nil }

func main() {
	hop := flag.Bool("hop", false, "give each input to a child process")
	child := flag.Bool("child", false, "be that child: frames come and go on file descriptor 3")
	flag.Parse()
	if *child {
		if err := serveFrames(os.NewFile(3, "socket")); err != nil {
			log.Fatal(err)
		}
		return
	}
	var handler answerer = inProcess{}
	if *hop {
		var err error
		if handler, err = startChild(); err != nil {
			log.Fatal(err)
		}
	}
	if err := serve(handler); err != nil {
		log.Fatal(err)
	}
}

// Serves on a free port of loopback, which it writes as a line, until SIGTERM.
func serve(handler answerer) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := grpc.NewServer(grpc.ForceServerCodec(identity{}), grpc.MaxRecvMsgSize(math.MaxInt32), grpc.MaxSendMsgSize(math.MaxInt32))
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "dcf.v1.Functions",
		HandlerType: (*answerer)(nil),
		Methods:     []grpc.MethodDesc{{MethodName: "Invoke", Handler: invoke}},
	}, handler)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-signals
		server.Stop()
	}()
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	return server.Serve(listener)
}

func invoke(service any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	var request []byte
	if err := decode(&request); err != nil {
		return nil, err
	}
	input, err := inputOf(request)
	if err != nil {
		return nil, err
	}
	output, err := service.(answerer).answer(input)
	if err != nil {
		return nil, err
	}
	reply := make([]byte, 0, len(output)+16)
	reply = protowire.AppendTag(reply, 1, protowire.BytesType)
	return protowire.AppendBytes(reply, output), nil
}

// Field 2 of an InvokeRequest.
func inputOf(request []byte) ([]byte, error) {
	var input []byte
	for len(request) > 0 {
		number, kind, length := protowire.ConsumeTag(request)
		if length < 0 {
			return nil, errors.New("a malformed request")
		}
		request = request[length:]
		value := protowire.ConsumeFieldValue(number, kind, request)
		if value < 0 {
			return nil, errors.New("a malformed request")
		}
		if number == 2 && kind == protowire.BytesType {
			input, _ = protowire.ConsumeBytes(request)
		}
		request = request[value:]
	}
	return input, nil
}

// Gives messages to the methods as they came, and takes replies as they are to go.
type identity struct{}

func (identity) Name() string { return "proto" }

func (identity) Marshal(message any) ([]byte, error) { return message.([]byte), nil }

func (identity) Unmarshal(data []byte, message any) error {
	*message.(*[]byte) = data
	return nil
}
