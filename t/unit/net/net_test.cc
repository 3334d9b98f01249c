#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <chrono>
#include <filesystem>
#include <future>
#include <memory>
#include <optional>
#include <thread>

#include "common/base/failpoint.h"
#include "common/base/random.h"
#include "common/net/listener.h"
#include "common/net/seqpacket.h"
#include "common/net/stream.h"
#include "common/net/workers.h"

using namespace waxwing;

namespace {
struct Pair {
  UniqueFd a, b;
  Pair() {
    int fds[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    a.reset(fds[0]);
    b.reset(fds[1]);
  }
};

struct Scratch {
  std::string path = "/tmp/waxwing-net-" + unique_id();
  Scratch() { std::filesystem::create_directories(path); }
  ~Scratch() { std::filesystem::remove_all(path); }
};

// Runs one task on a fresh loop until it ends.
Task<void> then_stop(EventLoop& loop, Task<void> task) {
  co_await task;
  loop.stop();
}
void run(EventLoop& loop, Task<void> task) {
  std::optional<Task<void>> held(std::move(task));
  loop.post([&] { spawn(then_stop(loop, std::move(*held))); });
  loop.run();
}

Task<void> collect_lines(Stream& stream, std::vector<std::string>& lines, std::size_t limit, LineEnd end) {
  for (;;) {
    auto line = co_await stream.read_line(limit, end);
    if (line) {
      lines.push_back(*line);
    } else if (is_line_too_long(line.error())) {
      lines.push_back("<too long>");
    } else {
      lines.push_back(is_disconnect(line.error()) ? "<closed>" : line.error().text);
      co_return;
    }
  }
}

Task<void> drip(EventLoop& loop, Stream& stream, std::string bytes) {
  for (const char c : bytes) {
    stream.write(std::string_view(&c, 1));
    auto flushed = co_await stream.flush();
    CHECK(flushed);
    co_await loop.sleep(0);
  }
  stream.close();
}
}  // namespace

TEST_CASE("lines arrive one byte at a time, and the long one is dropped whole") {
  EventLoop loop;
  Pair pair;
  Stream reader(loop, std::move(pair.a)), writer(loop, std::move(pair.b));
  std::vector<std::string> lines;
  loop.post([&] { spawn(drip(loop, writer, "one\r\nbare\nlf\r\n0123456789\r\nlast\r\nunfinished")); });
  run(loop, collect_lines(reader, lines, 8, LineEnd::crlf));
  CHECK(lines == std::vector<std::string>{"one", "bare\nlf", "<too long>", "last", "<closed>"});
}

TEST_CASE("a bare LF ends a line where the protocol is lenient") {
  EventLoop loop;
  Pair pair;
  Stream reader(loop, std::move(pair.a)), writer(loop, std::move(pair.b));
  std::vector<std::string> lines;
  loop.post([&] { spawn(drip(loop, writer, "one\ntwo\r\n")); });
  run(loop, collect_lines(reader, lines, 100, LineEnd::crlf_or_lf));
  CHECK(lines == std::vector<std::string>{"one", "two", "<closed>"});
}

namespace {
constexpr std::size_t kManyBytes = 1 << 20;

Task<void> read_with_timeout(Stream& stream, std::string& what) {
  stream.set_timeout_ms(20);
  auto line = co_await stream.read_line(kManyBytes);
  what = !line && is_timeout(line.error()) ? "timeout" : "other";
}
// Byte after byte until the reader has lost its patience; only then the line's end.
Task<void> keep_dripping(EventLoop& loop, Stream& writer, const std::string& what, bool& over) {
  for (std::size_t n = 0; n < kManyBytes - 2 && what.empty(); ++n) {
    writer.write("x");
    auto flushed = co_await writer.flush();
    CHECK(flushed);
    co_await loop.sleep(0);
  }
  writer.write("\r\n");
  auto flushed = co_await writer.flush();
  CHECK(flushed);
  over = true;
}
Task<void> until(EventLoop& loop, const bool& over) {
  while (!over) co_await loop.sleep(1);
}
Task<void> say_hello(Stream& stream) {
  stream.write("hello\r\n");
  auto flushed = co_await stream.flush();
  CHECK(flushed);
}
Task<void> read_interrupted(Stream& stream, std::string& what) {
  auto line = co_await stream.read_line(100);
  what = !line && is_interrupt(line.error()) ? "interrupted" : "other";
  stream.set_timeout_ms(5000);
  line = co_await stream.read_line(100);
  what += line ? " " + *line : " lost";
}
}  // namespace

TEST_CASE("a read ends by time-out, and by interrupt without harm") {
  EventLoop loop;
  Pair pair;
  Stream reader(loop, std::move(pair.a)), writer(loop, std::move(pair.b));
  std::string what;
  run(loop, read_with_timeout(reader, what));
  CHECK(what == "timeout");
  what.clear();
  bool over = false;
  loop.post([&] { spawn(keep_dripping(loop, writer, what, over)); });
  run(loop, read_with_timeout(reader, what));
  CHECK(what == "timeout");
  run(loop, until(loop, over));
  EventLoop second;
  Pair other;
  Stream quiet(second, std::move(other.a)), talker(second, std::move(other.b));
  // run() posts the reader behind us: what we post from here comes when it waits.
  second.post([&] {
    second.post([&] {
      quiet.interrupt();
      second.post([&] { spawn(say_hello(talker)); });
    });
  });
  run(second, read_interrupted(quiet, what));
  CHECK(what == "interrupted hello");
}

namespace {
Task<void> tls_server(Stream& stream, const TlsServer& context) {
  auto command = co_await stream.read_line(100);
  REQUIRE(command);
  stream.write("go\r\n");
  auto done = co_await stream.start_tls_server(context);
  REQUIRE(done);
  auto line = co_await stream.read_line(100);
  REQUIRE(line);
  stream.write("you said " + *line + "\r\n" + std::string(300000, 'x') + "\r\n");
  auto flushed = co_await stream.flush();
  REQUIRE(flushed);
}
Task<void> tls_client(Stream& stream, const TlsClient& context, std::vector<std::string>& got) {
  // The second line is what an attacker injects ahead of the handshake.
  stream.write("starttls\r\ninjected\r\n");
  auto ready = co_await stream.read_line(100);
  REQUIRE(ready);
  auto done = co_await stream.start_tls_client(context, "mail.example.test");
  REQUIRE(done);
  CHECK(stream.tls_protocol() == "TLSv1.3");
  stream.write("secret\r\n");
  for (int i = 0; i < 2; ++i) {
    auto line = co_await stream.read_line(400000);
    REQUIRE(line);
    got.push_back(*line);
  }
}
}  // namespace

TEST_CASE("STARTTLS drops what was injected before it; certificates are made, loaded and verified") {
  Scratch scratch;
  const TlsCertificate files{scratch.path + "/c.pem", scratch.path + "/k.pem"};
  REQUIRE(make_self_signed({"mail.example.test", "127.0.0.1"}, files));
  auto server = TlsServer::create({.certificates = {files}});
  REQUIRE(server);
  auto client = TlsClient::create({.verify = true, .ca_file = files.certificate_file});
  REQUIRE(client);
  EventLoop loop;
  Pair pair;
  Stream a(loop, std::move(pair.a)), b(loop, std::move(pair.b));
  std::vector<std::string> got;
  loop.post([&] { spawn(tls_server(a, *server)); });
  run(loop, tls_client(b, *client, got));
  REQUIRE(got.size() == 2);
  CHECK(got[0] == "you said secret");
  CHECK(got[1].size() == 300000);
}

namespace {
Task<void> packet_echo(EventLoop& loop, PacketSocket socket, int& clients) {
  ++clients;
  for (;;) {
    auto packet = co_await socket.receive();
    if (!packet || !*packet) break;
    (void)socket.send((*packet)->record, std::move((*packet)->fd));
  }
  if (--clients == 0) loop.stop();
}
}  // namespace

TEST_CASE("records and descriptors cross a Unix socket, also under a path longer than sun_path") {
  Scratch scratch;
  const std::string folder = scratch.path + "/" + std::string(120, 'd') + " with space";
  std::filesystem::create_directories(folder);
  const std::string path = folder + "/socket";
  auto listener = listen_unix(path);
  REQUIRE(listener);
  EventLoop loop;
  int clients = 0;
  const int listening = listener->get();
  std::thread thread([&] { loop.run(); });
  loop.post([&] {
    serve_unix(loop, std::move(*listener),
               [&](PacketSocket socket) { spawn(packet_echo(loop, std::move(socket), clients)); });
  });
  auto socket = connect_unix(path);
  REQUIRE(socket);
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  REQUIRE(send_packet(socket->get(), Record("take").set("n", 7), ends[1]));
  ::close(ends[1]);
  auto packet = receive_packet(socket->get(), 5000);
  REQUIRE(packet);
  REQUIRE(*packet);
  CHECK((*packet)->record.number("n") == 7);
  REQUIRE((*packet)->fd);
  CHECK(::write((*packet)->fd.get(), "x", 1) == 1);
  char c = 0;
  CHECK(::read(ends[0], &c, 1) == 1);
  ::close(ends[0]);
  CHECK(ask(path, Record("question").set("a", "b"))->get("a") == "b");
  // Nobody is accepted any more; the loop ends with the last client.
  loop.post([&] {
    ::shutdown(listening, SHUT_RDWR);
    loop.cancel_waits(listening);
  });
  socket->reset();
  thread.join();
}

namespace {
Task<void> send_late(EventLoop& loop, PacketSocket& socket) {
  (void)socket.send(Record("first"));
  co_await loop.sleep(250);  // longer than the wait for the first was to last
  (void)socket.send(Record("second"));
}

Task<void> hear_one_after_the_other(EventLoop& loop, PacketSocket& ear, PacketSocket& mouth,
                                    std::vector<std::string>& heard) {
  const auto note = [&](const Result<std::optional<Packet>>& packet) {
    heard.push_back(!packet ? "time-out" : *packet ? (*packet)->record.verb() : "end");
  };
  auto nothing = co_await ear.receive(1);
  note(nothing);
  loop.post([&] { spawn(send_late(loop, mouth)); });
  auto first = co_await ear.receive(200);
  note(first);
  auto second = co_await ear.receive();  // the limit of the wait before must not end this one
  note(second);
  loop.post([&] { ear.close(); });
  auto closed = co_await ear.receive(60'000);
  note(closed);
}
}  // namespace

TEST_CASE("a packet socket is waited for again and again, with a limit and without") {
  int pair[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
  EventLoop loop;
  PacketSocket ear(loop, UniqueFd(pair[0])), mouth(loop, UniqueFd(pair[1]));
  std::vector<std::string> heard;
  run(loop, hear_one_after_the_other(loop, ear, mouth, heard));
  CHECK(heard == std::vector<std::string>{"time-out", "first", "second", "end"});
}

namespace {
Task<void> work_elsewhere(WorkerPool& pool, const std::string& file, int& sum) {
  for (int i = 0; i < 10; ++i) {
    auto part = co_await pool.run([i] { return i; });
    sum += part;
  }
  bool caught = false;
  try {
    co_await pool.run([] { throw std::runtime_error("from a worker"); });
  } catch (const std::runtime_error&) {
    caught = true;
  }
  CHECK(caught);
  auto fd = open_file(file + ".tmp", O_CREAT | O_WRONLY);
  REQUIRE(fd);
  REQUIRE(write_all(fd->get(), "content"));
  durable::Batch batch;
  batch.file(fd->get()).rename(file + ".tmp", file);
  auto committed = co_await commit_durably(std::move(batch));
  CHECK(committed);
}
}  // namespace

TEST_CASE("work on the pool comes back with its value or exception, and a durable batch is published") {
  Scratch scratch;
  EventLoop loop;
  WorkerPool pool(3);
  int sum = 0;
  run(loop, work_elsewhere(pool, scratch.path + "/f", sum));
  CHECK(sum == 45);
  CHECK(read_file(scratch.path + "/f") == "content");
}

namespace {
// Speaks and hangs up in one go while the other side waits: both are there when it looks.
Task<void> speak_and_leave(EventLoop& loop, int fd) {
  co_await loop.sleep(0);
  CHECK(::write(fd, "bye", 3) == 3);
  CHECK(::shutdown(fd, SHUT_WR) == 0);
}

Task<void> hear_last_words(EventLoop& loop, Pair& pair) {
  Stream stream(loop, std::move(pair.a));
  stream.set_timeout_ms(5000);
  spawn(speak_and_leave(loop, pair.b.get()));
  auto words = co_await stream.fill();
  CHECK(words.value_or(false));
  CHECK(stream.peek() == "bye");
  stream.skip(3);
  auto more = co_await stream.fill();
  CHECK_FALSE(more.value_or(true));
}
}  // namespace

TEST_CASE("the end of a connection is seen when it came together with the last bytes") {
  Pair pair;
  EventLoop loop;
  run(loop, hear_last_words(loop, pair));
}

namespace {
Task<void> hear_a_flood(EventLoop& loop, Stream& stream, std::size_t& before_others) {
  bool others = false;
  for (std::size_t bytes = 0;;) {
    auto more = co_await stream.fill();
    if (!more.value_or(false)) co_return;
    if (bytes == 0) loop.post([&others] { others = true; });
    bytes += stream.peek().size();
    if (!others) before_others = bytes;
    stream.skip(stream.peek().size());
  }
}
}  // namespace

TEST_CASE("a peer that sends without end leaves the loop to others too") {
  constexpr std::size_t kFlood = 64 << 20;
  Pair pair;
  ::fcntl(pair.b.get(), F_SETFL, 0);
  const int size = 4 << 20;
  ::setsockopt(pair.b.get(), SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  std::thread flood([&] {
    const std::string piece(1 << 20, 'x');
    for (std::size_t sent = 0; sent < kFlood; sent += piece.size()) (void)write_all(pair.b.get(), piece);
    pair.b.reset();
  });
  EventLoop loop;
  Stream stream(loop, std::move(pair.a));
  std::size_t before_others = 0;
  run(loop, hear_a_flood(loop, stream, before_others));
  flood.join();
  CHECK(before_others < 8 << 20);
}

TEST_CASE("a worker that waits for work holds nothing of what it did last") {
  struct Held {
    std::promise<void>& gone;
    ~Held() { gone.set_value(); }
  };
  std::promise<void> gone;
  auto is_gone = gone.get_future();
  WorkerPool pool(1);
  pool.submit([held = std::make_shared<Held>(gone)] {});
  // The minute is for the failure: the job goes as soon as it is done.
  CHECK(is_gone.wait_for(std::chrono::minutes(1)) == std::future_status::ready);
}

TEST_CASE("work that gets no thread of its own is done by the threads there are") {
  std::promise<void> begun, go_on, done;
  auto begins = begun.get_future(), goes_on = go_on.get_future(), is_done = done.get_future();
  WorkerPool pool(2);
  pool.submit([&] {
    begun.set_value();
    goes_on.wait();
  });
  begins.wait();
  arm_failpoints("workers.thread=eio");
  pool.submit([&] { done.set_value(); });
  arm_failpoints("");
  go_on.set_value();
  CHECK(is_done.wait_for(std::chrono::minutes(1)) == std::future_status::ready);
}
