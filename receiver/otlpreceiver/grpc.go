package otlpreceiver

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"

	"github.com/summitobs/summit/internal/otlpanswer"
)

// message is a request or an answer as bytes.
type message struct{ buf mem.Buffer }

// rawCodec hands requests on as they came. The bytes are good until the request's message is freed.
type rawCodec struct{}

// Name implements encoding.CodecV2.
func (rawCodec) Name() string { return "proto" }

// Marshal implements encoding.CodecV2.
func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	m, ok := v.(*message)
	if !ok {
		return nil, fmt.Errorf("no OTLP message: %T", v)
	}
	if m.buf == nil {
		return nil, nil
	}
	return mem.BufferSlice{m.buf}, nil
}

// Unmarshal implements encoding.CodecV2.
func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	m, ok := v.(*message)
	if !ok {
		return fmt.Errorf("no OTLP message: %T", v)
	}
	m.buf = data.MaterializeToBuffer(mem.DefaultBufferPool())
	return nil
}

// register offers the services of the signals that have a pipeline. The answer of a request that was taken whole is the
// empty message.
func (r *otlpReceiver) register(server *grpc.Server) {
	for _, s := range r.signals() {
		if !s.used() {
			continue
		}
		export := func(ctx context.Context, in any) (any, error) {
			if err := s.take(ctx, r, "grpc", in.(*message).buf.ReadOnlyData()); err != nil {
				return nil, otlpanswer.Of(err).Err()
			}
			return &message{}, nil
		}
		name := s.service()
		method := "/" + name + "/Export"
		server.RegisterService(&grpc.ServiceDesc{
			ServiceName: name, HandlerType: (*any)(nil),
			Methods: []grpc.MethodDesc{{MethodName: "Export", Handler: func(
				srv any, ctx context.Context, decode func(any) error, through grpc.UnaryServerInterceptor,
			) (any, error) {
				in := &message{}
				if err := decode(in); err != nil {
					return nil, err
				}
				defer in.buf.Free()
				if through == nil {
					return export(ctx, in)
				}
				return through(ctx, in, &grpc.UnaryServerInfo{Server: srv, FullMethod: method}, export)
			}}},
		}, r)
	}
}
