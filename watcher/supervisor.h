// Keeps the services of one instance running: starts them when what they need is ready, starts again what
// dies, stops in the reverse order. Lives on one loop; all calls on its thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/record.h"
#include "common/config/config.h"
#include "common/net/loop.h"
#include "watcher/helpers.h"
#include "watcher/process.h"
#include "watcher/services.h"

namespace waxwing {

enum class ServiceState {
  stopped,   // not wanted
  waiting,   // wanted; something it needs is not ready
  starting,  // its process runs and has not said that it is ready
  running,
  failed,  // died, or was never ready; it is tried again after a pause
  stopping,
};
std::string_view state_name(ServiceState state);

struct Service {
  const ServiceSpec* spec = nullptr;
  ServiceState state = ServiceState::stopped;
  bool wanted = false;
  bool living = false;  // its coroutine runs
  std::optional<Process> process;
  std::int64_t started_ms = 0;    // monotonic, of the last start of the process
  std::int64_t startup_ms = 0;    // how long it took to become ready, last time
  std::int64_t last_sign_ms = 0;  // last {ready} or {alive}
  bool gives_signs = false;
  bool was_ready = false;          // since it was last asked for: if it dies now, it waits for nobody
  int deaths = 0;                  // since it was last asked for
  int quick_deaths = 0;            // in a row, each soon after its start
  std::string trouble;             // why it is failed, or why it died last
  pid_t inherited = 0;             // of the watcher that this process was before it became a new program
  std::optional<Record> reloaded;  // its answer to the last SIGHUP
};

class Supervisor {
 public:
  Supervisor(EventLoop& loop, std::shared_ptr<const Config> config, std::string bin_directory);

  const std::vector<std::unique_ptr<Service>>& services() const { return services_; }
  Service* find(std::string_view name);
  Service* find_pid(pid_t pid);

  // Takes over what an earlier watcher left running, or nobody watches for another reason.
  void adopt_living();
  // Wants the service and all it needs. Does nothing to what runs; a failed one is tried at once.
  void start(Service& service);
  void stop(Service& service);
  void stop_all();
  void restart(Service& service);
  // Every service that msg.conf enables.
  std::vector<Service*> enabled();

  // Wanted by the watcher that we were; pid: its process, 0 when it had none.
  void resume(std::string_view name, pid_t pid);
  // Where the program of a service, or watcher's own, lies.
  std::string program_path(std::string_view name) const { return bin_directory_ + "/" + std::string(name); }

  // Words of a daemon: by its pid, because a name can be claimed by anyone.
  void on_ready(pid_t pid);
  void on_alive(pid_t pid);
  void on_stopping(pid_t pid);
  void on_reloaded(pid_t pid, const Record& record);

  // What the services have started.
  Helpers& helpers() { return helpers_; }
  const Helpers& helpers() const { return helpers_; }
  // After the services have ended: waits for what they have started, and ends what takes longer than
  // watcher.stop_timeout.
  Task<void> end_helpers(std::vector<std::string_view> of_services, Helpers::Tell tell);

  // Notified at every change of a state.
  Signal& changed() { return changed_; }
  bool all_stopped() const;
  void use_config(std::shared_ptr<const Config> config) { config_ = std::move(config); }
  const Config& config() const { return *config_; }

 private:
  Task<void> live(Service& service);
  Task<void> bring_up(Service& service);
  Task<void> ask_until_it_answers(Service& service, pid_t pid);
  Task<void> keep_asking(Service& service, pid_t pid);
  Task<void> bring_down(Service& service);
  Task<void> pause_before_retry(Service& service);
  Result<> launch(Service& service);
  void on_exit(Service& service);
  void become(Service& service, ServiceState state);
  bool needs_met(const Service& service);
  bool is_needed_by_living(const Service& service);
  void check_signs();
  std::string pid_file(const Service& service) const;

  EventLoop& loop_;
  std::shared_ptr<const Config> config_;
  std::string bin_directory_;
  std::vector<std::unique_ptr<Service>> services_;
  Helpers helpers_;
  Signal changed_;
  std::unique_ptr<EventLoop::Timer> sign_timer_;
};

}  // namespace waxwing
