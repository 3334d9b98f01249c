// job_controller(8): decides what is delivered when, and starts the programs that do it.
#include "common/daemon/daemon.h"
#include "job_controller/controller.h"
#include "job_controller/log_rotation.h"

int main(int argc, char** argv) {
  using namespace waxwing;
  static std::shared_ptr<job_controller::Controller> controller;
  static std::unique_ptr<job_controller::LogRotation> logs;
  return run_daemon(
      argc, argv, "job_controller", {.loops = 1, .only_one = true}, [](Daemon& daemon) -> Result<> {
        TRY(controller, job_controller::Controller::create(daemon));
        TRY_VOID(controller->start());
        auto nights = [] { return controller->mta_config().options().number(mta::Opt::RETURN_SPLIT_PERIOD); };
        logs = std::make_unique<job_controller::LogRotation>(daemon, nights);
        return {};
      });
}
