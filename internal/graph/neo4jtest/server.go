// Package neo4jtest starts a real Neo4j server for tests, as a process of its own on loopback. The server is GPL-3.0: make
// setup fetches it into .cache, nothing of it is linked or shipped. It is imported by tests only.
package neo4jtest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
)

// Password of the user neo4j.
const Password = "summit-test-1"

// Server is a running Neo4j.
type Server struct {
	home string
	libs string
	port int
	cmd  *exec.Cmd
	done chan struct{}
}

// Start starts a server on an empty folder and stops it when the test ends. Where the server hasn't been fetched, the test is
// skipped and says so.
func Start(t testing.TB) *Server {
	t.Helper()
	libs, err := find()
	if err != nil {
		t.Skip("Neo4j is not here, so its store isn't tested: ", err)
	}
	s := &Server{home: t.TempDir(), libs: libs, port: freePort(t)}
	if err := s.configure(); err != nil {
		t.Fatalf("configure Neo4j: %v", err)
	}
	t.Cleanup(s.Kill)
	s.Restart(t)
	s.setPassword(t)
	return s
}

// find looks for the fetched jars above the package that is tested.
func find() (string, error) {
	if _, err := exec.LookPath("java"); err != nil {
		return "", fmt.Errorf("no java: %w", err)
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		libs := filepath.Join(dir, ".cache", "neo4j", "libs")
		if jars, _ := filepath.Glob(filepath.Join(libs, "neo4j-server-*.jar")); len(jars) > 0 {
			return libs, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("no .cache/neo4j/libs; make setup fetches it where Maven is installed")
		}
		dir = parent
	}
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("find a port: %v", err)
	}
	defer func() { _ = l.Close() }() // the port is what is wanted
	return l.Addr().(*net.TCPAddr).Port
}

func (s *Server) configure() error {
	conf := fmt.Sprintf(`server.default_listen_address=127.0.0.1
server.bolt.enabled=true
server.bolt.listen_address=127.0.0.1:%d
server.bolt.advertised_address=127.0.0.1:%d
server.http.enabled=false
server.https.enabled=false
dbms.security.auth_enabled=true
server.memory.pagecache.size=64m
dbms.usage_report.enabled=false
db.tx_log.preallocate=false
db.tx_log.rotation.size=16m
db.tx_log.rotation.retention_policy=keep_none
`, s.port, s.port)
	if err := os.MkdirAll(filepath.Join(s.home, "conf"), 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(s.home, "conf", "neo4j.conf"), []byte(conf), 0o600)
}

// URI is where the server listens.
func (s *Server) URI() string { return "bolt://127.0.0.1:" + strconv.Itoa(s.port) }

// Restart starts the process on the same folder and waits until it answers.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	log, err := os.OpenFile(filepath.Join(s.home, "out.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatalf("open Neo4j's log: %v", err)
	}
	s.cmd = exec.Command("java", "-Xms64m", "-Xmx384m", "-XX:+UseSerialGC", "--add-opens=java.base/java.nio=ALL-UNNAMED",
		"--add-opens=java.base/java.io=ALL-UNNAMED", "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED", "-Dio.netty.tryReflectionSetAccessible=true",
		"-cp", filepath.Join(s.libs, "*"), "org.neo4j.server.CommunityEntryPoint", "--home-dir="+s.home, "--config-dir="+filepath.Join(s.home, "conf"), "--console-mode")
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		t.Fatalf("start Neo4j: %v", err)
	}
	s.done = make(chan struct{})
	go func(cmd *exec.Cmd, done chan struct{}) {
		_ = cmd.Wait() // it is killed
		_ = log.Close()
		close(done)
	}(s.cmd, s.done)
	deadline := time.Now().Add(90 * time.Second)
	for time.Now().Before(deadline) {
		conn, err := net.DialTimeout("tcp", "127.0.0.1:"+strconv.Itoa(s.port), time.Second)
		if err == nil {
			_ = conn.Close()
			return
		}
		select {
		case <-s.done:
			out, _ := os.ReadFile(filepath.Join(s.home, "out.log"))
			t.Fatalf("Neo4j ended:\n%s", out)
		case <-time.After(100 * time.Millisecond):
		}
	}
	t.Fatal("Neo4j doesn't answer after 90 s")
}

// Kill ends the process at once, as kill -9 does.
func (s *Server) Kill() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill() // it may be gone
	<-s.done
	s.cmd = nil
}

// setPassword changes the first password, which the server asks for.
func (s *Server) setPassword(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	d, err := neo4j.NewDriverWithContext(s.URI(), neo4j.BasicAuth("neo4j", "neo4j", ""))
	if err != nil {
		t.Fatalf("connect to Neo4j: %v", err)
	}
	defer func() { _ = d.Close(ctx) }() // only one statement was sent
	session := d.NewSession(ctx, neo4j.SessionConfig{DatabaseName: "system"})
	_, err = session.Run(ctx, "ALTER CURRENT USER SET PASSWORD FROM $old TO $new", map[string]any{"old": "neo4j", "new": Password})
	if err != nil {
		t.Fatalf("set Neo4j's password: %v", err)
	}
	if err := session.Close(ctx); err != nil {
		t.Fatalf("set Neo4j's password: %v", err)
	}
}
