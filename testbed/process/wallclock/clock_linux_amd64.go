package wallclock

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

// Clock is the wall clock of a process.
type Clock struct {
	pid int
	// offset is the address of the seconds that are added.
	offset int64
}

// routine is machine code in place of a function of the vDSO.
type routine struct {
	symbol string
	code   []byte
	// operand is where the code has the distance to the offset: four bytes, counted from their end.
	operand int
}

// offsetAt is where in the space of clock_gettime, behind its code, the offset is kept.
const offsetAt = 32

const clockGettime = "__vdso_clock_gettime"

var routines = []routine{
	{clockGettime, []byte{
		0xb8, 0xe4, 0, 0, 0, // mov eax, 228
		0x0f, 0x05, // syscall
		0x85, 0xff, // test edi, edi: CLOCK_REALTIME?
		0x74, 0x05, // je add
		0x83, 0xff, 0x05, // cmp edi, 5: CLOCK_REALTIME_COARSE?
		0x75, 0x0a, // jne out
		0x48, 0x8b, 0x0d, 0, 0, 0, 0, // add: mov rcx, [offset]
		0x48, 0x01, 0x0e, // add [rsi], rcx
		0xc3, // out: ret
	}, 19},
	{"__vdso_gettimeofday", []byte{
		0xb8, 0x60, 0, 0, 0, // mov eax, 96
		0x0f, 0x05, // syscall
		0x48, 0x85, 0xff, // test rdi, rdi
		0x74, 0x0a, // je out
		0x48, 0x8b, 0x0d, 0, 0, 0, 0, // mov rcx, [offset]
		0x48, 0x01, 0x0f, // add [rdi], rcx
		0xc3, // out: ret
	}, 15},
	{"__vdso_time", []byte{
		0xb8, 0xc9, 0, 0, 0, // mov eax, 201
		0x0f, 0x05, // syscall
		0x48, 0x03, 0x05, 0, 0, 0, 0, // add rax, [offset]
		0x48, 0x85, 0xff, // test rdi, rdi
		0x74, 0x03, // je out
		0x48, 0x89, 0x07, // mov [rdi], rax
		0xc3, // out: ret
	}, 10},
}

// Install takes over the clock of a process that has run nothing yet and is traced by the caller.
func (c *Clock) Install(pid int) (err error) {
	base, err := vdso(pid)
	if err != nil {
		return err
	}
	mem, err := os.OpenFile(memory(pid), os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("open the memory of process %d: %w", pid, err)
	}
	defer func() { err = errors.Join(err, mem.Close()) }()
	symbols, err := functions(io.NewSectionReader(mem, base, 1<<20))
	if err != nil {
		return err
	}
	offset := int64(symbols[clockGettime].Value) + offsetAt
	if symbols[clockGettime].Size < offsetAt+8 {
		return fmt.Errorf("%w: the kernel's %s has no room: %d bytes", ErrUnsupported, clockGettime, symbols[clockGettime].Size)
	}
	for _, r := range routines {
		sym, ok := symbols[r.symbol]
		if !ok || sym.Size < uint64(len(r.code)) {
			return fmt.Errorf("%w: the kernel's %s has %d bytes, %d are needed", ErrUnsupported, r.symbol, sym.Size, len(r.code))
		}
		code := append([]byte(nil), r.code...)
		binary.LittleEndian.PutUint32(code[r.operand:], uint32(offset-int64(sym.Value)-int64(r.operand)-4))
		if _, err := mem.WriteAt(code, base+int64(sym.Value)); err != nil {
			return fmt.Errorf("replace %s: %w", r.symbol, err)
		}
	}
	c.pid, c.offset = pid, base+offset
	return c.write(mem, 0)
}

// Set moves the process's clock to the machine's plus d, in whole seconds.
func (c *Clock) Set(d time.Duration) (err error) {
	mem, err := os.OpenFile(memory(c.pid), os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("open the memory of process %d: %w", c.pid, err)
	}
	defer func() { err = errors.Join(err, mem.Close()) }()
	return c.write(mem, d)
}

func (c *Clock) write(mem io.WriterAt, d time.Duration) error {
	// Eight aligned bytes: a reader sees the old number or the new one.
	seconds := binary.LittleEndian.AppendUint64(nil, uint64(d/time.Second))
	if _, err := mem.WriteAt(seconds, c.offset); err != nil {
		return fmt.Errorf("set the clock of process %d: %w", c.pid, err)
	}
	return nil
}

func memory(pid int) string { return fmt.Sprintf("/proc/%d/mem", pid) }

// vdso finds where the vDSO is in a process.
func vdso(pid int) (int64, error) {
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return 0, fmt.Errorf("read the maps of process %d: %w", pid, err)
	}
	for line := range strings.Lines(string(maps)) {
		if from, _, ok := strings.Cut(line, "-"); ok && strings.HasSuffix(strings.TrimSpace(line), "[vdso]") {
			return strconv.ParseInt(from, 16, 64)
		}
	}
	return 0, fmt.Errorf("%w: process %d has no vDSO", ErrUnsupported, pid)
}

// functions are the symbols of the vDSO by name.
func functions(image io.ReaderAt) (map[string]elf.Symbol, error) {
	file, err := elf.NewFile(image)
	if err != nil {
		return nil, fmt.Errorf("read the vDSO: %w", err)
	}
	symbols, err := file.DynamicSymbols()
	if err != nil {
		return nil, fmt.Errorf("read the vDSO's symbols: %w", err)
	}
	byName := map[string]elf.Symbol{}
	for _, s := range symbols {
		byName[s.Name] = s
	}
	return byName, nil
}
