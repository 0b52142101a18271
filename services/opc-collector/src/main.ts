import { runService } from '@millrace/service-kit';
import { AppModule } from './app.module.ts';

await runService(AppModule);
