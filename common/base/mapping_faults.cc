#include "common/base/mapping_faults.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <mutex>

namespace waxwing {

// Places are made and used again, never freed, so that the handler can walk them at any moment. `begin` is
// set last and cleared first.
struct FaultGuard::Place {
  std::atomic<std::uintptr_t> begin{0};
  std::atomic<std::uintptr_t> end{0};
  std::atomic<std::atomic<bool>*> damaged{nullptr};
  Place* next = nullptr;       // of all
  Place* next_free = nullptr;  // under the mutex
};

namespace {
std::atomic<FaultGuard::Place*> places{nullptr};
std::mutex mutex;
FaultGuard::Place* free_places = nullptr;

// Only system calls and atomic words: it runs in the middle of anything.
void on_bus_error(int signal, siginfo_t* info, void*) {
  const auto at = reinterpret_cast<std::uintptr_t>(info->si_addr);
  for (auto* place = places.load(std::memory_order_acquire); place != nullptr; place = place->next) {
    const auto begin = place->begin.load(std::memory_order_acquire), end = place->end.load();
    if (begin == 0 || at < begin || at >= end) continue;
    place->damaged.load()->store(true, std::memory_order_release);
    const auto page = at & ~(static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE)) - 1);
    void* const zeros = ::mmap(reinterpret_cast<void*>(page), end - page, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (zeros != MAP_FAILED) return;  // and the instruction is tried again
    break;
  }
  struct sigaction deadly {};
  deadly.sa_handler = SIG_DFL;
  ::sigaction(signal, &deadly, nullptr);  // tried again, it ends the process
}

void listen() {
  static const bool once = [] {
    struct sigaction now {};
    if (::sigaction(SIGBUS, nullptr, &now) != 0 || now.sa_handler != SIG_DFL) return false;
    struct sigaction ours {};
    ours.sa_sigaction = on_bus_error;
    ours.sa_flags = SA_SIGINFO;
    return ::sigaction(SIGBUS, &ours, nullptr) == 0;
  }();
  static_cast<void>(once);
}

FaultGuard::Place* take_place() {
  const std::lock_guard lock(mutex);
  if (auto* const place = free_places) {
    free_places = place->next_free;
    return place;
  }
  auto* const place = new FaultGuard::Place;
  place->next = places.load();
  places.store(place, std::memory_order_release);
  return place;
}
}  // namespace

FaultGuard::FaultGuard(char* data, std::size_t length) : place_(take_place()) {
  listen();
  const auto begin = reinterpret_cast<std::uintptr_t>(data);
  place_->damaged = &damaged_;
  place_->end = begin + length;
  place_->begin.store(begin, std::memory_order_release);
}

FaultGuard::~FaultGuard() {
  place_->begin = 0;
  const std::lock_guard lock(mutex);
  place_->next_free = free_places;
  free_places = place_;
}

}  // namespace waxwing
