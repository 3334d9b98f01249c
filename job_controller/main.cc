// job_controller(8): decides what is delivered when, and starts the programs that do it.
#include "common/daemon/daemon.h"
#include "job_controller/controller.h"

int main(int argc, char** argv) {
  using namespace waxwing;
  static std::shared_ptr<job_controller::Controller> controller;
  return run_daemon(argc, argv, "job_controller", {.loops = 1, .only_one = true},
                    [](Daemon& daemon) -> Result<> {
                      TRY(controller, job_controller::Controller::create(daemon));
                      return controller->start();
                    });
}
